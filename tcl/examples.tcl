# do_example_test: the examples of the documentation, run and compared.
#
# How to write an example.  A block fenced as `sql` is run; the next block of
# the page, if it is fenced as `text` or `json`, is what it prints:
#
#     ```sql
#     SELECT orm_count('User'), 'users';
#     SELECT orm_get('User', 99);
#     ```
#     ```text
#     3|users
#
#     ```
#
# - Each page starts from a fresh, empty database with the extension loaded;
#   what a block leaves behind is there for the blocks below it.
# - Statements run as in the sqlite3 shell in list mode: a row is a line, values
#   are separated by `|`, NULL is empty.  Text before a statement's end is not
#   shown.  EXPLAIN QUERY PLAN is drawn as the shell draws it.
# - An error is printed as `Error: <message>`, and the next statement runs.
# - `text` is compared line by line, trailing blanks aside.  `...` in a line
#   stands for any characters, a line of `...` alone for any lines.
# - `json` is for long objects: what is printed is read as JSON values, one
#   after another, and compared with those of the block, in which line breaks,
#   blanks and the order of keys are free.
# - A `sql` block with no such block after it prints what it likes, but must
#   not fail.
# - The line `<!-- fresh -->` before a block begins with an empty database
#   again; `<!-- chinook -->` with a copy of the sample database (the rest of
#   the page is passed over where that is not at hand).
# - Lines of shell commands (.load, .mode list, .headers on|off) are allowed.
# - Blocks fenced otherwise (`sh`, `c`, `python`, nothing, ...) are not run here.
# - A `tcl` block is run in an interpreter with `db` open on the page's
#   database and the package orm loaded; it prints with puts.

# One test for each block of PAGE (a path relative to the top folder).
proc do_example_test {page} {
  set channel [open [file join $::tester(top) $page]]
  fconfigure $channel -encoding utf-8
  set blocks [ExampleBlocks [read $channel]]
  close $channel
  ExampleOpen ""
  set n 0
  for {set i 0} {$i < [llength $blocks]} {incr i} {
    lassign [lindex $blocks $i] kind line text
    switch -- $kind {
      fresh   { ExampleOpen "" }
      chinook {
        if {[chinook] eq ""} { break }
        ExampleOpen [chinook]
      }
      sql - tcl {
        incr n
        set expected [lindex $blocks $i+1]
        if {[lindex $expected 0] ni {text json}} { set expected "" }
        ExampleRun $page $line $kind $text $expected
      }
    }
  }
  catch {example close}
  return $n
}

# The page as a list of {kind line text}: its fenced blocks and directives.
proc ExampleBlocks {page} {
  set blocks {}
  set n 0
  set fence ""
  foreach line [split $page \n] {
    incr n
    if {$fence eq ""} {
      if {[regexp {^\s*<!-- (fresh|chinook) -->} $line -> kind]} {
        lappend blocks [list $kind $n ""]
      } elseif {[regexp {^( *)(```+|~~~+) *([a-z-]*)} $line -> in fence kind]} {
        set start $n
        set text {}
      }
    } elseif {[string trim $line] eq $fence} {
      lappend blocks [list $kind $start [join $text \n]]
      set fence ""
    } else {
      regsub "^$in" $line "" line
      lappend text $line
    }
  }
  return $blocks
}

proc ExampleOpen {copyOf} {
  catch {example close}
  foreach file [glob -nocomplain example.db*] { file delete $file }
  if {$copyOf ne ""} { file copy $copyOf example.db }
  open_db example example.db
  catch {file attributes example.db -permissions u+w}
}

proc ExampleRun {page line kind text expected} {
  set name "$page:$line"
  set errors 0
  if {$kind eq "tcl"} {
    set output [ExampleTcl $text errors]
  } else {
    set output [ExampleSql $text errors]
  }
  lassign $expected how where wanted
  if {$expected eq ""} {
    if {$errors} { fail $name $output } else { pass $name }
  } elseif {$how eq "json"} {
    ExampleJson $name $output $wanted
  } elseif {[ExampleMatch [ExampleLines $output] [ExampleLines $wanted]]} {
    pass $name
  } else {
    fail $name "expected (line $where):" {*}[split $wanted \n] \
        "got:" {*}[split $output \n]
  }
}

proc ExampleLines {text} {
  return [lmap line [split [string trimright $text] \n] {
    string trimright $line
  }]
}

proc ExampleMatch {lines patterns} {
  set i 0
  foreach pattern $patterns {
    incr i
    if {$pattern eq "..."} {
      set rest [lrange $patterns $i end]
      for {set j 0} {$j <= [llength $lines]} {incr j} {
        if {[ExampleMatch [lrange $lines $j end] $rest]} { return 1 }
      }
      return 0
    }
    if {![llength $lines]} { return 0 }
    set map {\\ \\\\ * \\* ? \\? \[ \\\[ \] \\\] ... *}
    if {![string match [string map $map $pattern] [lindex $lines 0]]} {
      return 0
    }
    set lines [lrange $lines 1 end]
  }
  return [expr {[llength $lines] == 0}]
}

proc ExampleJson {name output wanted} {
  if {[catch {::orm::json::parse_many $output} trees]} {
    fail $name $trees "got:" {*}[split $output \n]
    return
  }
  set found [::orm::json::difference [list array $trees] \
      [list array [::orm::json::parse_many $wanted]]]
  if {$found eq ""} {
    pass $name
  } else {
    fail $name $found "got:" {*}[split $output \n]
  }
}

# ------------------------------------------------------------------ the shell

# Run a script as the sqlite3 shell in list mode does; the text printed.
proc ExampleSql {script errorsVar} {
  upvar 1 $errorsVar errors
  set ::tester(headers) 0
  set output ""
  set statement ""
  foreach line [split $script \n] {
    if {[string trim $statement] eq "" && [string match .* $line]} {
      append output [ExampleDot $line errors]
      continue
    }
    append statement $line \n
    while {[set end [ExampleEnd $statement]] >= 0} {
      append output [ExampleStatement [string range $statement 0 $end] errors]
      set statement [string range $statement $end+1 end]
    }
  }
  if {[string trim $statement] ne ""} {
    append output [ExampleStatement $statement errors]
  }
  return $output
}

# Where the first complete statement of a text ends, or -1.
proc ExampleEnd {text} {
  set end -1
  while {[set end [string first ";" $text $end+1]] >= 0} {
    if {[example complete [string range $text 0 $end]]} { return $end }
  }
  return -1
}

proc ExampleDot {line errorsVar} {
  upvar 1 $errorsVar errors
  switch -glob -- $line {
    ".load *" - ".mode list" { return "" }
    ".headers on"            { set ::tester(headers) 1; return "" }
    ".headers off"           { set ::tester(headers) 0; return "" }
  }
  incr errors
  return "Error: an example cannot use $line\n"
}

proc ExampleStatement {sql errorsVar} {
  upvar 1 $errorsVar errors
  if {[regexp -nocase {^\s*EXPLAIN\s+QUERY\s+PLAN\s+(.*)$} $sql -> plain]} {
    if {![catch {query_plan $plain example} plan]} { return "$plan\n" }
  }
  set output ""
  set header $::tester(headers)
  set rc [catch {
    example eval $sql row {
      if {$header} {
        append output [join $row(*) |] \n
        set header 0
      }
      append output [join [lmap column $row(*) {
        ExampleValue $row($column)
      }] |] \n
    }
  } message]
  if {$rc} {
    incr errors
    append output "Error: $message\n"
  }
  return $output
}

# SQLite prints a double with 15 digits, and always with a point.
proc ExampleValue {value} {
  set representation [::tcl::unsupported::representation $value]
  if {![string match "value is a double*" $representation]} { return $value }
  if {$value == Inf} { return Inf }
  if {$value == -Inf} { return -Inf }
  set text [format %.15g $value]
  if {[string first . $text] < 0} {
    regsub {^(-?\d+)} $text {\1.0} text
  }
  return $text
}

# Run a Tcl block; what it puts, and at the end the error if there was one.
proc ExampleTcl {script errorsVar} {
  upvar 1 $errorsVar errors
  set interpreter [interp create]
  set ::tester(output) ""
  $interpreter eval [list lappend ::auto_path [file join $::tester(top) tcl]]
  $interpreter eval [list cd [pwd]]
  interp alias $interpreter puts {} ExamplePuts
  set library [file join $::tester(top) orm]
  if {[info exists ::env(ORM_LIB)]} { set library $::env(ORM_LIB) }
  set rc [catch {
    $interpreter eval {
      package require sqlite3
      package require orm
      sqlite3 db example.db
    }
    $interpreter eval [list orm::load db $library]
    $interpreter eval $script
  } message]
  interp delete $interpreter
  if {$rc} {
    incr errors
    append ::tester(output) "Error: $message\n"
  }
  return $::tester(output)
}

proc ExamplePuts {args} {
  if {[lindex $args 0] eq "-nonewline"} {
    append ::tester(output) [lindex $args 1]
  } else {
    append ::tester(output) [lindex $args end] \n
  }
}
