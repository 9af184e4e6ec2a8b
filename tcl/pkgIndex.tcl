package ifneeded orm::json 0.1 [list source [file join $dir json.tcl]]
package ifneeded orm 0.1.0 [list source [file join $dir orm.tcl]]
