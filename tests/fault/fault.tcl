# Fault injection: a body of SQL is run again and again, and each time another
# allocation, file operation or opcode fails.  Sourced after tester.tcl.
#
#   do_fault_test NAME ?-faults KINDS? ?-prep SCRIPT? -body SCRIPT ?-undone SQL?
#
# -prep makes the database once; every run starts from a copy of it, on a new
# connection.  -body then runs with a fault pending.  Whatever fails, a run must
# end in one of two ways:
#
#   with the result of the run without faults, and the same database, or
#   with an error that says what failed, and the database untouched (of the body
#   as far as it got, when it holds several statements: -partial 1)
#
# and afterwards the connection must still work (the body gives its result when
# run again), close, and leave no allocation behind.
#
# KINDS: oom (one allocation fails), oom-all (it and all later ones), io,
# io-all, full, interrupt.  Default: oom oom-all.
#
# ORM_FAULTS is how many points of each kind are tried, spread over the run
# at distances that ORM_SEED varies (0: all of them); default 50.  finish_test
# says how many faults happened.

set fault(module) [file join $tester(dir) faults.so]
set fault(points) 50
set tester(faults) 0
if {[info exists env(ORM_FAULTS)] && $env(ORM_FAULTS) ne ""} {
  set fault(points) $env(ORM_FAULTS)
}

# Compile and load the module; what cannot be done skips the file.
proc fault_setup {} {
  global tester fault env
  set preload {}
  if {[info exists env(LD_PRELOAD)]} {
    set preload $env(LD_PRELOAD)
    unset env(LD_PRELOAD)
  }
  if {$tester(cc) eq ""} { skip "no C compiler" }
  if {[info exists env(ORM_REMOTE)]} { skip "SQLite is in another process" }
  set include {}
  foreach dir [list [file join [info library] ../../include] \
      /usr/include/tcl[info tclversion] /usr/include/tcl \
      /usr/local/include] {
    if {[file exists $dir/tcl.h]} { lappend include -I$dir }
  }
  if {[catch {
    exec {*}$tester(cc) -O1 -g -fPIC -shared {*}$include -o $fault(module) \
        $tester(top)/tests/fault/faults.c -lsqlite3
  } message]} { skip "tests/fault/faults.c does not compile: $message" }
  if {$preload ne ""} { set env(LD_PRELOAD) $preload }
  foreach name [info commands db*] { catch {$name close} }
  uplevel #0 [list load $fault(module) Faults]
  set fault(idle) [faults outstanding]
  seed
}

# The messages that a fault may give.
set fault(oom) {out of memory}
set fault(io) {disk I/O error|unable to open database file|out of memory\
  |database disk image is malformed|attempt to write a readonly database}
set fault(full) {database or disk is full|disk I/O error}
set fault(interrupt) {interrupted}

# Everything in the database, to see whether two are the same.
proc fault_contents {{db db}} {
  set out {}
  set tables [$db eval {
    SELECT name FROM sqlite_schema
    WHERE type='table' AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE
      'CREATE VIRTUAL%' ORDER BY name
  }]
  lappend out [$db eval {SELECT name, sql FROM sqlite_schema ORDER BY 1, 2}]
  foreach table $tables {
    set columns [$db eval {
      SELECT quote(name) FROM pragma_table_xinfo($table)
    }]
    set order {}
    for {set i 1} {$i <= [llength $columns]} {incr i} { lappend order $i }
    lappend out $table [$db eval "SELECT * FROM [Quoted $table]\
        ORDER BY [join $order ,]"]
  }
  return $out
}
proc Quoted {name} { return "\"[string map {\" \"\"} $name]\"" }

proc FaultOpen {name} {
  file copy -force fault.start fault.db
  foreach suffix {-journal -wal -shm} { file delete -force fault.db$suffix }
  sqlite3 $name fault.db
  $name eval {PRAGMA synchronous=OFF}
  load_orm $name
}

proc do_fault_test {name args} {
  global fault
  array set o {-faults {oom oom-all} -prep {} -body {} -partial 0 -warm {}}
  array set o $args
  foreach db [info commands db*] { catch {$db close} }
  foreach file [glob -nocomplain fault.*db* fault.start] { file delete $file }
  sqlite3 db fault.start
  load_orm db
  uplevel #0 $o(-prep)
  set before [fault_contents db]
  db close
  FaultOpen db
  if {[catch {uplevel #0 $o(-warm)} result]} { fail $name $result; return }
  if {[catch {uplevel #0 $o(-body)} expected]} { fail $name $expected; return }
  set after [fault_contents db]
  db close
  foreach kind $o(-faults) {
    fault_loop $name-$kind $kind $o(-body) $o(-warm) $expected $before $after \
        $o(-partial)
  }
}

# Let the 1st, 2nd, 3rd .. operation fail until none is left.
proc fault_loop {name kind body warm expected before after partial} {
  global fault
  set what [lindex [split $kind -] 0]
  set persist [expr {[string match *-all $kind] ? "persist" : {}}]
  set complaints {}
  set n 0
  set step 1.0
  set hits 1
  if {$fault(points) > 0} {
    set total [FaultCount $what $body $warm]
    set step [expr {max(1.0, double($total) / $fault(points))}]
  }
  # The distances are 1 to 2 * step - 1, so that none is 0.
  for {set at 1.0} {$hits} {
    set at [expr {$at + 1 + 2 * ($step - 1) * rand()}]
  } {
    FaultOpen db
    uplevel #0 $warm
    set idle 0
    if {$what eq "interrupt"} {
      faults interrupt db [expr {int($at)}]
    } else {
      faults $what [expr {int($at)}] {*}$persist
    }
    set rc [catch {uplevel #0 $body} result]
    set hits [faults stop]
    incr n
    incr ::tester(faults) [expr {$hits > 0}]
    set wrong [FaultJudge $what $rc $result $body $expected $before $after \
        $partial]
    if {$wrong ne ""} { lappend complaints "at [expr {int($at)}]: $wrong" }
    if {[llength $complaints] >= 5 || $n > 100000} break
  }
  catch {db close}
  if {[llength $complaints]} {
    fail $name {*}$complaints
  } else {
    pass $name
  }
}

# How many operations a run has.
proc FaultCount {what body warm} {
  set big 1000000000
  FaultOpen db
  uplevel #0 $warm
  if {$what eq "interrupt"} { faults interrupt db $big } else {
    faults $what $big
  }
  set start $big
  catch {uplevel #0 $body}
  set total [expr {$big - [faults left]}]
  faults stop
  db close
  return $total
}

# What is wrong after a run, or nothing.
proc FaultJudge {what rc result body expected before after partial} {
  global fault
  set wrong {}
  if {$rc && ![regexp $fault($what) $result]} {
    lappend wrong "error: $result"
  }
  if {!$rc && $result ne $expected} {
    lappend wrong "wrong result: [string range $result 0 200]"
  }
  set lines [lsearch -all -inline -not [db eval {PRAGMA integrity_check}] \
                 {orm: model table *}]
  if {$lines ne "ok" && $lines ne ""} {
    lappend wrong "the database is damaged"
  }
  if {[catch {fault_contents db} now]} { lappend wrong "unreadable: $now" }
  if {!$rc && $now ne $after} { lappend wrong "success, but other contents" }
  if {$rc && !$partial && $now ne $before} {
    # The failure of a commit's last step may come after the commit.  In UTF-16
    # SQLite makes another text of the result, which is after it too.
    if {$now ne $after
        || ($what eq "oom" && [db onecolumn {PRAGMA encoding}] eq "UTF-8")} {
      lappend wrong "failed ($result), but something was written"
    }
  }
  if {$rc && !$partial && $now eq $before} {
    if {[catch {uplevel #0 $body} again]} {
      lappend wrong "fails ever after: $again"
    } elseif {$again ne $expected} {
      lappend wrong "wrong ever after: [string range $again 0 200]"
    }
  }
  db close
  set left [expr {[faults outstanding] - $fault(idle)}]
  if {$left} {
    lappend wrong "$left allocations are left"
    set fault(idle) [faults outstanding]
  }
  return [join $wrong "; "]
}
