"""The catalogue as a TUF repository: signed by its owner and by each manufacturer, checked by each station.

Roles, files and checks are those of The Update Framework's specification 1.0; python-tuf does the checking.
"""
