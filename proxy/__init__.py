"""The gateway: passes requests to providers, meters each exactly, writes what they used to segments."""
