# The package sqlite3 with SQLite at the other end of a pipe: remote.c, built
# for another machine and started by the command in ORM_REMOTE.  It is what the
# suite uses of the real package; what differs: the rows of `eval SQL script`
# are all there before the script runs first, and a callback cannot use the
# connection.

package provide sqlite3 99.0

namespace eval ::remote {
  variable channel ""
  variable next 0
  variable callbacks [dict create]
}

proc sqlite3 {name args} {
  if {$name eq "-version"} { return [lindex [::remote::Call version 0] 0] }
  set flags 6
  foreach {option value} [lrange $args 1 end] {
    switch -- $option {
      -readonly { set flags [expr {$value ? ($flags & ~6) | 1 : $flags}] }
      -uri      { set flags [expr {$value ? $flags | 0x40 : $flags}] }
      default   { error "remote: no option $option" }
    }
  }
  set id [expr {[incr ::remote::next] % 64}]
  ::remote::Call open $id [lindex $args 0] [list I $flags]
  set ::remote::null($id) ""
  uplevel #0 [list interp alias {} $name {} ::remote::Db $name $id]
  return
}

namespace eval ::remote {

proc Start {} {
  variable channel
  if {$channel ne ""} return
  set channel [open |$::env(ORM_REMOTE) r+]
  fconfigure $channel -translation binary -buffering full
}

proc Put {type bytes} {
  variable channel
  puts -nonewline $channel "$type[string length $bytes]\n$bytes"
}

proc Text {text} { return [encoding convertto utf-8 $text] }

# A Tcl value as SQLite's own binding of Tcl takes it.
proc PutValue {name value} {
  set kind [::tcl::unsupported::representation $value]
  set pure [string match "*no string representation*" $kind]
  if {[string match @* $name] || ($pure
      && [string match "value is a bytearray*" $kind])} {
    Put B $value
  } elseif {$pure && [string match "value is a boolean*" $kind]} {
    Put I [expr {bool($value)}]
  } elseif {[regexp {^value is a (int|wideInt) } $kind]} {
    Put I [expr {$value + 0}]
  } elseif {[string match "value is a double *" $kind]} {
    binary scan [binary format q $value] w bits
    Put F $bits
  } else {
    Put T [Text $value]
  }
}

proc Get {} {
  variable channel
  set head [gets $channel]
  if {[eof $channel]} {
    set channel ""
    error "remote: the other end is gone"
  }
  return [list [string index $head 0] \
      [read $channel [string range $head 1 end]]]
}

proc Value {type bytes null} {
  switch -- $type {
    I { return [expr {$bytes + 0}] }
    F { binary scan [binary format w $bytes] q r; return $r }
    T { return [encoding convertfrom utf-8 $bytes] }
    B { return $bytes }
    N { return $null }
  }
  error "remote: an item $type"
}

# Send a request, whose further items are text or {I number}; the values of the
# answer.
proc Call {command id args} {
  Start
  Put # [expr {2 + [llength $args]}]
  Put T $command
  Put I $id
  foreach arg $args {
    if {[llength $arg] == 2 && [lindex $arg 0] eq "I"} {
      Put I [lindex $arg 1]
    } else {
      Put T [Text $arg]
    }
  }
  return [lindex [Answer $id] 0 1]
}

# Read an answer: a list of {columns values}, one of each statement.
proc Answer {id} {
  variable channel
  variable null
  flush $channel
  set results {}
  set columns {}
  set values {}
  set empty [expr {[info exists null($id)] ? $null($id) : ""}]
  while 1 {
    lassign [Get] type bytes
    if {$type eq "E"} break
    if {$type eq "C"} {
      if {[llength $values]} { lappend results [list $columns $values] }
      set columns {}
      set values {}
      for {set i 0} {$i < $bytes} {incr i} {
        lappend columns [encoding convertfrom utf-8 [lindex [Get] 1]]
      }
    } elseif {$type eq "Q"} {
      Callback $id $bytes
    } else {
      lappend values [Value $type $bytes $empty]
    }
  }
  if {[llength $values]} { lappend results [list $columns $values] }
  regexp {^(-?\d+) (.*)$} $bytes -> rc message
  if {$rc != 0} {
    return -code error -errorcode [list SQLITE $rc] \
        [encoding convertfrom utf-8 $message]
  }
  return $results
}

proc Callback {id n} {
  variable callbacks
  variable channel
  set texts {}
  for {set i 0} {$i < $n} {incr i} {
    lappend texts [encoding convertfrom utf-8 [lindex [Get] 1]]
  }
  set texts [lassign $texts kind]
  set script [dict get $callbacks $id $kind]
  set answer 0
  switch -- $kind {
    progress { catch {uplevel #0 $script} answer }
    trace    { catch {uplevel #0 [list {*}$script 0 [lindex $texts 0]]} }
    authorizer {
      lassign $texts code
      if {[catch {
        uplevel #0 [list {*}$script [Action $code] {*}[lrange $texts 1 end]]
      } word]} { set word SQLITE_DENY }
      set answer [dict get {SQLITE_OK 0 SQLITE_DENY 1 SQLITE_IGNORE 2} $word]
    }
  }
  Put I [expr {[string is integer -strict $answer] ? $answer : 1}]
  flush $channel
}

proc Action {code} {
  return SQLITE_[lindex {COPY CREATE_INDEX CREATE_TABLE CREATE_TEMP_INDEX
    CREATE_TEMP_TABLE CREATE_TEMP_TRIGGER CREATE_TEMP_VIEW CREATE_TRIGGER
    CREATE_VIEW DELETE DROP_INDEX DROP_TABLE DROP_TEMP_INDEX DROP_TEMP_TABLE
    DROP_TEMP_TRIGGER DROP_TEMP_VIEW DROP_TRIGGER DROP_VIEW INSERT PRAGMA READ
    SELECT TRANSACTION UPDATE ATTACH DETACH ALTER_TABLE REINDEX ANALYZE
    CREATE_VTABLE DROP_VTABLE FUNCTION SAVEPOINT RECURSIVE} $code]
}

proc Listen {id kind command number script} {
  dict set ::remote::callbacks $id $kind $script
  Call $command $id [list I [expr {$script eq "" ? 0 : $number}]]
  return
}

# The values of the variables that a text may name; level: where they are.
proc Variables {sql level} {
  set found [dict create]
  foreach name [regexp -all -inline {[$:@][A-Za-z0-9_:]+(?:\([^)]*\))?} $sql] {
    if {[catch {upvar $level [string range $name 1 end] value}]} continue
    if {[info exists value] && ![array exists value]} {
      dict set found $name $value
    }
  }
  return $found
}

proc Eval {id sql level} {
  set variables [Variables $sql [expr {$level + 1}]]
  Start
  Put # [expr {3 + 2*[dict size $variables]}]
  Put T eval
  Put I $id
  Put T [Text $sql]
  foreach name [dict keys $variables] {
    Put T [Text $name]
    PutValue $name [dict get $variables $name]
  }
  return [Answer $id]
}

proc Rows {results array script level} {
  if {$array ne ""} { upvar $level $array row }
  foreach result $results {
    lassign $result columns values
    if {$array ne ""} { set row(*) $columns }
    set n [llength $columns]
    for {set i 0} {$i < [llength $values]} {incr i $n} {
      set last [expr {$i + $n - 1}]
      foreach column $columns value [lrange $values $i $last] {
        if {$array ne ""} {
          set row($column) $value
        } else {
          upvar $level $column variable
          set variable $value
        }
      }
      set rc [catch {uplevel $level $script} message options]
      if {$rc == 3} { return }
      if {$rc != 0 && $rc != 4} { return -options $options $message }
    }
  }
}

proc Db {name id command args} {
  variable null
  switch -- $command {
    eval {
      lassign $args sql array script
      if {[llength $args] == 2} { lassign [list $array ""] script array }
      set results [Eval $id $sql 2]
      if {[llength $args] > 1} {
        set rc [catch {Rows $results $array $script 2} message options]
        if {$rc} { return -options $options $message }
        return
      }
      return [concat {*}[lmap result $results { lindex $result 1 }]]
    }
    onecolumn { return [lindex [Eval $id [lindex $args 0] 2] 0 1 0] }
    exists    { return [expr {[llength [Eval $id [lindex $args 0] 2]] > 0}] }
    close {
      Call close $id
      interp alias {} $name {}
      return
    }
    nullvalue {
      if {[llength $args]} { set null($id) [lindex $args 0] }
      return $null($id)
    }
    complete { return [lindex [Call complete $id [lindex $args 0]] 0] }
    transaction {
      Call eval $id "BEGIN [expr {[llength $args] > 1 ? [lindex $args 0] : ""}]"
      set rc [catch {uplevel 1 [lindex $args end]} message options]
      Call eval $id [expr {$rc == 1 ? "ROLLBACK" : "COMMIT"}]
      return -options $options $message
    }
    cache { return }
    progress   { Listen $id progress progress {*}$args }
    authorizer { Listen $id authorizer authorizer 1 {*}$args }
    trace_v2   { Listen $id trace trace_v2 1 [lindex $args 0] }
    enable_load_extension - timeout {
      return [lindex [Call $command $id [list I [lindex $args 0]]] 0]
    }
    changes - total_changes - last_insert_rowid - errorcode {
      return [lindex [Call $command $id] 0]
    }
    default { error "remote: no $command" }
  }
}

}
