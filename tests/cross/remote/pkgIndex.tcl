# Above every version of the real one, so that it is taken where it is found.
package ifneeded sqlite3 99.0 [list source [file join $dir remote.tcl]]
