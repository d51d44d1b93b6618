"""From parties' requests and stations' results to asset records: a program of its own, beside the stations and on no cable of theirs."""
