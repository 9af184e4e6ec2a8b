# The sweep: every statement of the ordinary tests, run again and again with
# faults in it.  Sourced by tester.tcl when ORM_SWEEP is set (`make coverage`;
# by hand: ORM_SWEEP=2 tclsh tests/define.test).
#
# Before `db eval SQL` (which all the do_.._test are made of) or `db onecolumn
# SQL` runs, the SQL runs on a copy of the database in memory, on a connection of its own: without a
# fault, and then with an allocation that fails, or an opcode that is
# interrupted, each time inside a savepoint that is rolled back.  What fails are
# the operations whose callers in the extension (the innermost few) no
# statement of the file had before, and ORM_SWEEP others.  Each run must end
# with the result of the run without faults or with an error that says what
# failed, the database must be unchanged by the rollback and whole, and nothing
# may be left allocated when the connection is closed.
#
# A statement that takes longer than ORM_SWEEP_LONG (200) milliseconds is passed
# over.  One whose result is not the same twice (clocks, counters), or that tells
# what is in orm_log, where a run is lost that had no memory for its row, is run
# but not compared.  What begins or ends transactions, or touches other files, is
# passed over, and so is what comes after the first ORM_SWEEP_MOST (300)
# statements of a file.

source [file join $::tester(top) tests/fault/fault.tcl]
set ::sweep(points) $::env(ORM_SWEEP)
set ::sweep(most) 300
if {[info exists ::env(ORM_SWEEP_MOST)]} {
  set ::sweep(most) $::env(ORM_SWEEP_MOST)
}
set ::sweep(long) 200           ;# milliseconds
if {[info exists ::env(ORM_SWEEP_LONG)]} {
  set ::sweep(long) $::env(ORM_SWEEP_LONG)
}
set ::sweep(n) 0
set ::sweep(seen) [dict create]
# What SQLite says of an error for whose text there was no memory.
set ::sweep(bare) {constraint failed$|SQL logic error$}
set ::sweep(log) {(?i)\mSELECT\M[^;]*\mFROM orm_log\M}
set ::sweep(skip) {(?i)\m(BEGIN\s*;|BEGIN$|BEGIN\s+(IMMEDIATE|EXCLUSIVE|DEFER)|
  COMMIT|ROLLBACK|SAVEPOINT|RELEASE|PRAGMA|ATTACH|DETACH|VACUUM|
  load_extension)}

fault_setup
# What a fault may end in where the transaction goes with it.
append ::fault(oom) {|abort due to ROLLBACK|unable to open a temporary database}
append ::fault(interrupt) {|abort due to ROLLBACK|vtable constructor failed}
rename sqlite3 sweep_sqlite3
proc sqlite3 {args} {
  if {[lindex $args 0] ne "db"} { tailcall sweep_sqlite3 {*}$args }
  if {[llength [info commands ::db]]} { db close }
  set result [uplevel 1 [list sweep_sqlite3 sweep_real {*}[lrange $args 1 end]]]
  proc ::db {what args} {
    if {$what in {eval onecolumn} && [llength $args]} {
      catch {Sweep [lindex $args 0] [expr {[info level] - 1}]} message
      if {$message ne ""} {
        fail sweep-$::sweep(n) $message "in: [lindex $args 0]"
      }
    } elseif {$what eq "close"} {
      rename ::db {}
    }
    tailcall sweep_real $what {*}$args
  }
  return $result
}

proc Sweep {sql level} {
  global sweep
  if {$sweep(n) >= $sweep(most) || [info exists sweep(busy)]
      || [regexp -expanded $sweep(skip) $sql]} return
  set key [list $sql]           ;# with the values that it is run with
  foreach {- name} [regexp -all -inline {[$:](\w+)} $sql] {
    catch {lappend key [uplevel #$level [list set $name]]}
  }
  if {[dict exists $sweep(seen) $key]} return
  dict set sweep(seen) $key 1
  if {[catch {SweepImage} image]} return
  incr sweep(n)
  set sweep(level) #$level
  set sweep(busy) 1
  set sweep(pragmas) ""
  foreach pragma {foreign_keys recursive_triggers} {
    append sweep(pragmas) \
        "PRAGMA $pragma=[sweep_real eval "PRAGMA $pragma"];"
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

# The database as bytes; one in WAL mode as if it were not.
proc SweepImage {} {
  set image [sweep_real serialize main]
  if {[string length $image]} {
    set image [string replace $image 18 19 "\x01\x01"]
  }
  SweepOpen $image
  fault_contents sweep_db       ;# fails where the test has damaged it
  sweep_db close
  return $image
}

proc SweepOpen {image} {
  catch {sweep_db close}
  sqlite3 sweep_db :memory:
  if {[string length $image]} { sweep_db deserialize main $image }
  load_orm sweep_db
  if {[info exists ::sweep(pragmas)]} { sweep_db eval $::sweep(pragmas) }
  sweep_db eval {SELECT count(*) FROM sqlite_schema}
}

# One run in a savepoint: rc and result.  With n>0 the nth operation of the
# kind fails; with n=0 none does, and sweep(new) are those with new callers.
proc SweepRun {kind n sql} {
  set connection [expr {$kind eq "interrupt" ? "sweep_db" : ""}]
  sweep_db eval {SAVEPOINT sweep}
  if {$n} { faults $kind {*}$connection $n } else {
    faults sites $kind {*}$connection
  }
  set rc [catch {uplevel $::sweep(level) [list sweep_db eval $sql]} result]
  if {!$n} { set ::sweep(new) [faults new] }
  set ::sweep(hit) [faults stop]
  return [list $rc $result]
}

# Undo the run; 0 if an error has ended the transaction.
proc SweepUndo {} {
  return [expr {![catch {
    sweep_db eval {ROLLBACK TO sweep; RELEASE sweep}
  }]}]
}

# What PRAGMA integrity_check says: "ok", or that it does not know a function of
# the test's in a CHECK.
proc SweepWhole {} {
  catch {sweep_db eval {PRAGMA integrity_check}} result
  return $result
}

# The statement on a fresh connection, and then once more on a warm one: the
# faults to try are {cold n} and {warm n}, those of operations whose callers no
# statement had before, and a few others.
proc SweepKind {sql image kind} {
  global sweep fault
  set wrong {}
  SweepOpen $image
  set before [fault_contents sweep_db]
  set whole [SweepWhole]
  SweepOpen $image              ;# as cold as it will be for each fault
  set start [clock milliseconds]
  lassign [SweepRun $kind 0 $sql] rc expected
  # One that takes long would take as long at each point.
  if {[clock milliseconds] - $start > $sweep(long)} return
  set points {}
  foreach n $sweep(new) { lappend points cold $n }
  SweepUndo
  set again [SweepRun $kind 0 $sql]
  foreach n $sweep(new) { lappend points warm $n }
  SweepUndo
  set same [expr {$again eq [list $rc $expected]
                  && ![regexp $sweep(log) $sql]}]
  if {[llength $points]} {
    set last [lindex $points end]
    for {set i 1} {$i <= $sweep(points)} {incr i} {
      lappend points warm [expr {1 + $last * $i / ($sweep(points) + 1)}]
    }
  }
  set fresh 0
  foreach {state n} $points {
    if {$state eq "cold" || !$fresh} { SweepOpen $image }
    if {$state eq "warm" && !$fresh} {
      SweepRun $kind 1000000000 $sql
      SweepUndo
    }
    lassign [SweepRun $kind $n $sql] nowRc result
    if {$sweep(hit)} {
      incr ::tester(faults)
      if {$nowRc && ![regexp $fault($kind) $result] && $result ne $expected
          && !($rc && [regexp $sweep(bare) $result])} {
        lappend wrong "$kind $n: error: $result"
      }
      if {!$nowRc && $same && ($rc || $result ne $expected)} {
        lappend wrong "$kind $n: wrong result: $result"
      }
    }
    # What is warm after a run that was not hit is still the same.
    set fresh [expr {[SweepUndo] && $state eq "warm" && !$sweep(hit)}]
    if {[llength $wrong] > 4} break
  }
  if {[fault_contents sweep_db] ne $before} {
    lappend wrong "$kind: not undone by the rollback"
  }
  if {[SweepWhole] ne $whole} {
    lappend wrong "$kind: the database is damaged"
  }
  return $wrong
}
