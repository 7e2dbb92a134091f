"""What every app may use and none owns: errors, keys, paging, realtime, outbound calls. Imports no app."""
