"""What people and programs may ask of the station: typed requests and answers, refusals, and who may.

Skins bring requests here and answers back: `station.control` over a socket. They decide nothing.
"""
