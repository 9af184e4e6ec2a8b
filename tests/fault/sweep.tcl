# The sweep: every statement of the ordinary tests, run again and again with
# faults in it.  Sourced by tester.tcl when ORM_SWEEP is set, to the number of
# points tried in each statement (`make coverage`; by hand:
# ORM_SWEEP=50 tclsh tests/define.test).
#
# Before execsql (which all the do_.._test are made of) runs its SQL on the
# test's connection, the SQL runs on a copy of the database in memory, on a
# connection of its own: without a fault, and then with an allocation that
# fails, or an opcode that is interrupted, at points spread over the run, each
# time inside a savepoint that is rolled back.  Each run must end with the
# result of the run without faults or with an error that says what failed, the
# database must be unchanged by the rollback and whole, and nothing may be left
# allocated when the connection is closed.
#
# A statement whose result is not the same twice (clocks, counters) is run but
# not compared.  What begins or ends transactions, or touches other files, is
# passed over.

source [file join $::tester(top) tests/fault/fault.tcl]
set ::sweep(points) $::env(ORM_SWEEP)
set ::sweep(most) 300           ;# statements of one file
set ::sweep(n) 0
set ::sweep(seen) [dict create]
set ::sweep(skip) {(?i)\m(BEGIN\s*;|BEGIN$|BEGIN +(IMMEDIATE|EXCLUSIVE|DEFER)|\
  COMMIT|ROLLBACK|SAVEPOINT|RELEASE|PRAGMA|ATTACH|DETACH|VACUUM|\
  load_extension)}

fault_setup
rename execsql SweptSql
proc execsql {sql {db db}} {
  catch {Sweep $sql $db} message
  if {$message ne ""} { fail sweep-$::sweep(n) $message "in: $sql" }
  tailcall SweptSql $sql $db
}

proc Sweep {sql db} {
  global sweep
  if {$sweep(n) >= $sweep(most) || [dict exists $sweep(seen) $sql]
      || [regexp -expanded $sweep(skip) $sql]
      || [info exists sweep(busy)]} return
  dict set sweep(seen) $sql 1
  if {[catch {$db serialize main} image]} return
  incr sweep(n)
  set sweep(busy) 1
  set sweep(pragmas) ""
  foreach pragma {foreign_keys recursive_triggers} {
    append sweep(pragmas) "PRAGMA $pragma=[$db eval "PRAGMA $pragma"];"
  }
  set idle [faults outstanding]
  set wrong {}
  foreach kind {oom interrupt} {
    lappend wrong {*}[SweepKind $sql $image $kind]
  }
  catch {sweep_db close}
  set left [expr {[faults outstanding] - $idle}]
  if {$left} { lappend wrong "$left allocations are left" }
  unset sweep(busy)
  if {![llength $wrong]} { pass sweep-$sweep(n) }
  return [join [lrange $wrong 0 4] "\n    "]
}

proc SweepOpen {image} {
  catch {sweep_db close}
  sqlite3 sweep_db :memory:
  if {[string length $image]} { sweep_db deserialize main $image }
  load_orm sweep_db
  sweep_db eval $::sweep(pragmas)
}

proc SweepArm {kind n} {
  if {$kind eq "interrupt"} { faults interrupt sweep_db $n } else {
    faults $kind $n
  }
}

# One run in a savepoint, with the nth operation failing: rc, result, how many
# operations there were.
proc SweepRun {kind n sql} {
  sweep_db eval {SAVEPOINT sweep}
  SweepArm $kind $n
  set rc [catch {uplevel #0 [list sweep_db eval $sql]} result]
  set left [faults left]
  set hit [faults stop]
  return [list $rc $result [expr {$n - $left}] $hit]
}

# Undo the run; 0 if an error has ended the transaction.
proc SweepUndo {} {
  return [expr {![catch {
    sweep_db eval {ROLLBACK TO sweep; RELEASE sweep}
  }]}]
}

proc SweepKind {sql image kind} {
  global sweep fault
  set wrong {}
  set big 1000000000
  SweepOpen $image
  set before [fault_contents sweep_db]
  lassign [SweepRun $kind $big $sql] rc1 expected total
  SweepUndo
  lassign [SweepRun $kind $big $sql] rc2 again
  SweepUndo
  set same [expr {$rc1 == $rc2 && $expected eq $again}]
  SweepOpen $image
  set step [expr {max(1.0, double($total) / $sweep(points))}]
  set at [expr {1.0 + $sweep(n) % int($step)}]
  for {} {$at <= $total} {set at [expr {$at + $step}]} {
    lassign [SweepRun $kind [expr {int($at)}] $sql] rc result used hit
    if {!$hit} { SweepUndo; continue }
    if {$rc && ![regexp $fault($kind) $result] && $result ne $expected} {
      lappend wrong "$kind [expr {int($at)}]: error: $result"
    }
    if {!$rc && $same && ($rc1 || $result ne $expected)} {
      lappend wrong "$kind [expr {int($at)}]: wrong result: $result"
    }
    if {![SweepUndo]} { SweepOpen $image }
    if {[llength $wrong] > 4} break
  }
  if {[fault_contents sweep_db] ne $before} {
    lappend wrong "$kind: not undone by the rollback"
  }
  if {[sweep_db eval {PRAGMA integrity_check}] ne "ok"} {
    lappend wrong "$kind: the database is damaged"
  }
  return $wrong
}
