# An independent oracle for reads: the same objects, assembled from plain SQL,
# one object at a time.  And random schemas and random queries for it.
#
#   oracle_learn ?DB?          read models, fields and relationships
#   oracle_all MODEL SPEC      the JSON text that orm_all() must give
#   oracle_query SPEC          SPEC as a query document
#   random_spec MODEL DEPTH    a random SPEC
#   random_schema              create and fill random tables
#
# A SPEC is a dict: select (list), where (column op value), order (list of
# column, direction), limit, offset, counts (list of relationship ?where?),
# include (list of relationship, spec ..), depth (of a recursive include: 0 all).

proc oracle_learn {{db db}} {
  global fields rels keys tables
  foreach a {fields rels keys tables} { array unset $a }
  set document [$db onecolumn {SELECT orm_schema()}]
  $db eval {
    SELECT m.key AS model, m.value->>'table' AS "table",
      coalesce(m.value->>'primary_key', '') AS pk FROM json_each($document) m
  } {
    set tables($model) $table
    set keys($model) [OracleNames $db $pk]
    set rels($model) {}
    set fields($model) {}
    $db eval {
      SELECT name, type FROM pragma_table_xinfo($table) WHERE hidden <> 1
    } { lappend fields($model) $name $type }
  }
  $db eval {
    SELECT m.key AS model, r.key AS rel, r.value AS v FROM json_each($document) m,
      json_each(m.value, '$.relationships') r
  } {
    set d [dict create]
    $db eval {SELECT key AS k, value AS x FROM json_each($v)} {
      dict set d $k $x
    }
    foreach name {local_columns remote_columns secondary_local secondary_remote} {
      if {[dict exists $d $name]} {
        dict set d $name [OracleNames $db [dict get $d $name]]
      }
    }
    lappend rels($model) $rel
    set rels($model,$rel) $d
  }
}

# One plain name or a JSON array of names.
proc OracleNames {db text} {
  if {[string match {\[*} $text]} {
    return [$db eval {SELECT value FROM json_each($text)}]
  }
  return [list $text]
}

proc Q {name} { return "\"[string map {\" \"\"} $name]\"" }

proc IsMany {rel} {
  return [string match *_to_many [dict get $rel direction]]
}

# A value as JSON, from its SQL literal.
proc OracleValue {literal type} {
  if {$literal eq "NULL"} { return null }
  if {[string index $literal 0] eq "'"} {
    return [::orm::json::quote \
        [string map {'' '} [string range $literal 1 end-1]]]
  }
  if {[string match -nocase bool* $type] && $literal in {0 1}} {
    return [expr {$literal ? "true" : "false"}]
  }
  return $literal
}

# The rows of a model that satisfy some SQL, each a dict of literals.
proc OracleRows {model sql} {
  global fields
  set columns {}
  foreach {name type} $fields($model) { lappend columns "quote(c.[Q $name])" }
  set out {}
  set values [db eval "SELECT [join $columns ,] $sql"]
  set n [llength $columns]
  for {set i 0} {$i < [llength $values]} {incr i $n} {
    set row {}
    set j $i
    foreach {name type} $fields($model) {
      dict set row $name [lindex $values $j]
      incr j
    }
    lappend out $row
  }
  return $out
}

proc OracleKey {model row {alias c}} {
  global keys
  set terms {}
  foreach name $keys($model) {
    lappend terms "$alias.[Q $name] IS [dict get $row $name]"
  }
  return [join $terms " AND "]
}

proc OracleWhere {spec {alias c}} {
  if {![dict exists $spec where]} { return "" }
  lassign [dict get $spec where] column op value
  set sqlop [dict get {eq = lt < gt > ne <>} $op]
  return " AND $alias.[Q $column] $sqlop $value"
}

proc OracleOrder {model spec} {
  global keys
  set terms {}
  if {[dict exists $spec order]} {
    foreach {column direction} [dict get $spec order] {
      lappend terms "c.[Q $column] [expr {$direction eq "-" ? "DESC" : ""}]"
    }
  }
  foreach name $keys($model) { lappend terms "c.[Q $name]" }
  set sql " ORDER BY [join $terms ,]"
  set limit [expr {[dict exists $spec limit] ? [dict get $spec limit] : -1}]
  set offset [expr {[dict exists $spec offset] ? [dict get $spec offset] : 0}]
  return "$sql LIMIT $limit OFFSET $offset"
}

# " FROM .. WHERE .." the related rows (alias c) of one row of a model.
proc OracleFrom {model row name} {
  global rels tables
  set rel $rels($model,$name)
  set target [dict get $rel target]
  set sql " FROM [Q $tables($model)] p, [Q $tables($target)] c WHERE\
      [OracleKey $model $row p]"
  if {[dict exists $rel secondary] && [dict get $rel secondary] ne ""} {
    append sql " AND EXISTS (SELECT 1 FROM [Q [dict get $rel secondary]] l WHERE 1"
    foreach a [dict get $rel local_columns] b [dict get $rel secondary_local] {
      append sql " AND p.[Q $a] = l.[Q $b]"
    }
    foreach a [dict get $rel remote_columns] b [dict get $rel secondary_remote] {
      append sql " AND c.[Q $a] = l.[Q $b]"
    }
    append sql ")"
  } else {
    # The key comes first: its collation is the one that counts.
    set foreign [expr {[dict get $rel direction] eq "many_to_one"}]
    foreach a [dict get $rel local_columns] b [dict get $rel remote_columns] {
      append sql [expr {$foreign ? " AND c.[Q $b] = p.[Q $a]"
                                 : " AND p.[Q $a] = c.[Q $b]"}]
    }
  }
  return $sql
}

proc OracleCounts {model row spec} {
  set out ""
  foreach {func word} {count _count sum _sum min _min max _max} {
    set parts {}
    foreach count [dict get $spec counts] {
      lassign $count f name column where as
      if {$f ne $func} continue
      set sql [OracleFrom $model $row $name]
      if {$where ne ""} { append sql [OracleWhere [list where $where]] }
      if {$func eq "count"} {
        set v [db onecolumn "SELECT count(*) $sql"]
      } else {
        set v [db onecolumn "SELECT quote($func\(c.[Q $column]\)) $sql"]
      }
      lappend parts "[::orm::json::quote $as]:[OracleValue $v {}]"
    }
    if {[llength $parts]} { lappend out "\"$word\":{[join $parts ,]}" }
  }
  return $out
}

# The JSON of a row.  onway: keys of the recursive walk that leads here.
proc OracleObject {model row spec {recursive {}} {left 0} {onway {}}} {
  global fields rels
  set parts {}
  foreach {name type} $fields($model) {
    if {[dict exists $spec select] && $name ni [dict get $spec select]} continue
    lappend parts "[::orm::json::quote $name]:[OracleValue \
        [dict get $row $name] $type]"
  }
  if {[dict exists $spec counts]} {
    lappend parts {*}[OracleCounts $model $row $spec]
  }
  if {[dict exists $spec include]} {
    foreach {name sub} [dict get $spec include] {
      if {[dict exists $sub depth]} {
        set depth [dict get $sub depth]
        lappend parts [OracleInclude $model $row $name $sub $name \
            [expr {$depth ? $depth - 1 : -1}] [list [OracleKey $model $row]]]
      } else {
        lappend parts [OracleInclude $model $row $name $sub]
      }
    }
  }
  if {$recursive ne "" && $left != 0} {
    set key [OracleKey $model $row]
    if {$key ni $onway} {
      lappend parts [OracleInclude $model $row $recursive $spec $recursive \
          [expr {$left - 1}] [concat $onway [list $key]]]
    }
  }
  return "{[join $parts ,]}"
}

proc OracleInclude {model row name sub {recursive {}} {left 0} {onway {}}} {
  global rels
  set rel $rels($model,$name)
  set target [dict get $rel target]
  set rows [OracleRows $target "[OracleFrom $model $row $name][OracleWhere \
      $sub][OracleOrder $target $sub]"]
  set out {}
  foreach child $rows {
    lappend out [OracleObject $target $child $sub $recursive $left $onway]
  }
  set key [::orm::json::quote $name]
  if {[IsMany $rel]} { return "$key:\[[join $out ,]\]" }
  return "$key:[expr {[llength $out] ? [lindex $out 0] : "null"}]"
}

proc oracle_all {model spec} {
  global tables
  set out {}
  foreach row [OracleRows $model " FROM [Q $tables($model)] c WHERE\
      1[OracleWhere $spec][OracleOrder $model $spec]"] {
    lappend out [OracleObject $model $row $spec]
  }
  return "\[[join $out ,]\]"
}

# ------------------------------------------------------------ the document
proc oracle_query {spec} {
  set parts {}
  foreach word {select limit offset where order counts include depth} {
    if {![dict exists $spec $word]} continue
    set value [dict get $spec $word]
    switch $word {
      select { lappend parts "\"select\":[QueryList $value]" }
      limit - offset { lappend parts "\"$word\":$value" }
      where { lappend parts "\"where\":[QueryWhere $value]" }
      order {
        set terms {}
        foreach {column direction} $value {
          lappend terms [expr {$direction eq "-" ? "-$column" : $column}]
        }
        lappend parts "\"order_by\":[QueryList $terms]"
      }
      counts { lappend parts {*}[QueryCounts $value] }
      include {
        set members {}
        foreach {name sub} $value {
          set text [oracle_query $sub]
          if {$text eq "{}"} { set text true }
          lappend members "[::orm::json::quote $name]:$text"
        }
        lappend parts "\"include\":{[join $members ,]}"
      }
      depth {
        lappend parts "\"recursive\":true"
        if {$value} { lappend parts "\"depth\":$value" }
      }
    }
  }
  return "{[join $parts ,]}"
}

proc QueryList {names} {
  set out {}
  foreach name $names { lappend out [::orm::json::quote $name] }
  return "\[[join $out ,]\]"
}

proc QueryWhere {where} {
  lassign $where column op value
  return "{[::orm::json::quote $column]:{\"$op\":$value}}"
}

proc QueryCounts {counts} {
  set out {}
  foreach {func word} {count _count sum _sum min _min max _max} {
    set items {}
    foreach count $counts {
      lassign $count f name column where as
      if {$f ne $func} continue
      set parts [list "\"as\":[::orm::json::quote $as]"]
      if {$where ne ""} { lappend parts "\"where\":[QueryWhere $where]" }
      if {$func ne "count"} {
        lappend parts "\"field\":[::orm::json::quote $column]"
      }
      lappend items "{[::orm::json::quote $name]:{[join $parts ,]}}"
    }
    if {[llength $items]} { lappend out "\"$word\":\[[join $items ,]\]" }
  }
  return $out
}

# ---------------------------------------------------------- random queries
proc chance {percent} { return [expr {[random_int 1 100] <= $percent}] }

# Columns of a model that hold small numbers.
proc NumberColumns {model} {
  global fields
  set out {}
  foreach {name type} $fields($model) {
    if {[string match -nocase int* $type]} { lappend out $name }
  }
  return $out
}

proc random_where {model} {
  set columns [NumberColumns $model]
  if {![llength $columns]} { return "" }
  return [list [random_pick $columns] [random_pick {eq lt gt ne}] \
      [random_int 0 9]]
}

# A random spec; many: whether order and limit mean anything.
proc random_spec {model depth {many 1}} {
  global fields rels
  set spec {}
  if {[chance 30]} {
    set names {}
    foreach {name type} $fields($model) { if {[chance 50]} { lappend names $name } }
    # One at least, in the order of the columns.
    if {![llength $names]} { set names [lindex $fields($model) 0] }
    dict set spec select $names
  }
  if {[chance 20]} {
    set where [random_where $model]
    if {$where ne ""} { dict set spec where $where }
  }
  if {$many && [chance 40]} {
    set order {}
    foreach {name type} $fields($model) {
      if {[chance 30]} { lappend order $name [random_pick {+ -}] }
    }
    if {[llength $order]} { dict set spec order $order }
  }
  if {$many && [chance 35]} { dict set spec limit [random_int 0 4] }
  if {$many && [chance 15]} { dict set spec offset [random_int 0 3] }
  set many_rels {}
  foreach name $rels($model) {
    if {[IsMany $rels($model,$name)]} { lappend many_rels $name }
  }
  if {[llength $many_rels] && [chance 35]} {
    set counts {}
    set n [random_int 1 3]
    for {set i 0} {$i < $n} {incr i} {
      set name [random_pick $many_rels]
      set target [dict get $rels($model,$name) target]
      set func [random_pick {count count sum min max}]
      set columns [NumberColumns $target]
      if {![llength $columns]} { set func count }
      set where [expr {[chance 40] ? [random_where $target] : ""}]
      lappend counts [list $func $name [random_pick $columns] $where "n$i"]
    }
    dict set spec counts $counts
  }
  if {$depth > 0} {
    set include {}
    foreach name [random_shuffle $rels($model)] {
      if {[llength $include] >= 6 || ![chance 55]} continue
      set rel $rels($model,$name)
      set target [dict get $rel target]
      set sub [random_spec $target [expr {$depth - 1}] [IsMany $rel]]
      if {$target eq $model && [chance 60]} {
        # Below itself it cannot be included again.
        if {[dict exists $sub include]} {
          dict set sub include [dict remove [dict get $sub include] $name]
        }
        dict set sub depth [random_int 0 3]
      }
      lappend include $name $sub
    }
    if {[llength $include]} { dict set spec include $include }
  }
  return $spec
}

# ---------------------------------------------------------- random schemas
# Tables t0 .. with integer, text and composite keys, several foreign keys
# between two of them, references to themselves, link tables; rows whose
# references are NULL, dangle, or are right.
proc random_schema {{many 0}} {
  set ::many_rows $many
  set n [random_int 2 4]
  set kinds {}
  for {set i 0} {$i < $n} {incr i} {
    lappend kinds [random_pick {integer integer text nocase composite without real}]
  }
  db eval {PRAGMA foreign_keys=OFF}
  for {set i 0} {$i < $n} {incr i} { RandomTable $i $kinds }
  set links [random_int 0 2]
  for {set i 0} {$i < $links} {incr i} { RandomLink $i $kinds }
  if {[chance 50]} { db eval ANALYZE }
}

# Columns of a reference to table j: definitions, then their foreign key.
proc Reference {prefix j kind untyped} {
  switch $kind {
    composite - without {
      return [list "${prefix}_a INTEGER, ${prefix}_b TEXT" \
          "FOREIGN KEY(${prefix}_a, ${prefix}_b) REFERENCES t$j\(a, b)" \
          "${prefix}_a, ${prefix}_b"]
    }
    text { set type TEXT }
    nocase { set type [random_pick {TEXT {TEXT COLLATE NOCASE}}] }
    real { set type REAL }
    default { set type [expr {$untyped ? "" : "INTEGER"}] }
  }
  return [list "${prefix}_id $type" \
      "FOREIGN KEY(${prefix}_id) REFERENCES t$j\(id)" ${prefix}_id]
}

# SQL values of a reference: right, dangling or NULL.
proc ReferenceValue {j kind} {
  if {[chance 10]} {
    if {$kind in {composite without}} {
      return [random_pick {{NULL, NULL} {NULL, 'b1'} {1, NULL}}]
    }
    return NULL
  }
  return [KeyValue [random_int 0 [expr {$::rows($j) + 1}]] $kind]
}

proc KeyValue {i kind} {
  switch $kind {
    text { return "'k$i'" }
    nocase { return "'[random_pick {k K}]$i'" }
    real { return "$i.5" }
    composite - without { return "[expr {$i / 3}], 'b[expr {$i % 3}]'" }
    default { return $i }
  }
}

proc RandomTable {i kinds} {
  global rows
  set kind [lindex $kinds $i]
  set key [dict get {integer "id INTEGER PRIMARY KEY"
    text "id TEXT PRIMARY KEY" nocase "id TEXT PRIMARY KEY COLLATE NOCASE"
    real "id REAL PRIMARY KEY"
    composite "a INTEGER, b TEXT" without "a INTEGER, b TEXT"} $kind]
  set columns [list $key "n INTEGER" "s TEXT" "f BOOLEAN"]
  set constraints {}
  if {$kind in {composite without}} { lappend constraints "PRIMARY KEY(a, b)" }
  set references {}
  for {set j 0} {$j <= $i} {incr j} {
    set count [random_int 0 2]
    for {set k 0} {$k < $count} {incr k} {
      lassign [Reference "r${j}_$k" $j [lindex $kinds $j] 0] column fk names
      lappend columns $column
      lappend constraints $fk
      lappend references $j $names
    }
  }
  db eval "CREATE TABLE t$i\([join [concat $columns $constraints] {, }])\
      [expr {$kind eq "without" ? "WITHOUT ROWID" : ""}]"
  set k 0
  foreach {j names} $references {
    if {[chance 70]} { db eval "CREATE INDEX x${i}_$k ON t$i\($names)" }
    incr k
  }
  set rows($i) [random_int 0 [random_pick {3 12 40}]]
  if {$::many_rows} { set rows($i) [random_int 150 260] }
  for {set r 1} {$r <= $rows($i)} {incr r} {
    set values [list [KeyValue $r $kind] [random_pick {NULL 0 1 2 3 5 8}] \
        "'s[random_int 0 5]'" [random_pick {0 1 NULL}]]
    foreach {j names} $references {
      lappend values [ReferenceValue $j [lindex $kinds $j]]
    }
    db eval "INSERT INTO t$i VALUES([join $values ,])"
  }
}

proc RandomLink {i kinds} {
  global rows
  set n [llength $kinds]
  set a [random_int 0 [expr {$n - 1}]]
  set b [random_int 0 [expr {$n - 1}]]
  set untyped [chance 20]
  lassign [Reference x $a [lindex $kinds $a] $untyped] columnA fkA namesA
  lassign [Reference y $b [lindex $kinds $b] $untyped] columnB fkB namesB
  set key ""
  set unique [chance 50]
  if {$unique} { set key ", PRIMARY KEY($namesA, $namesB)" }
  db eval "CREATE TABLE l$i\($columnA, $columnB $key, $fkA, $fkB)"
  if {[chance 60]} { db eval "CREATE INDEX lx$i ON l$i\($namesB)" }
  set count [random_int 0 [expr {$::many_rows ? 700 : 60}]]
  for {set r 0} {$r < $count} {incr r} {
    db eval "INSERT OR IGNORE INTO l$i VALUES([ReferenceValue $a \
        [lindex $kinds $a]], [ReferenceValue $b [lindex $kinds $b]])"
  }
}
