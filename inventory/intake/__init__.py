"""From a station's messages to rows: each once, none missed unnoticed, whatever comes."""
