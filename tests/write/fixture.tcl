# What the write tests share: a small world of models, its rows as text, and
# tests of one rule that compare all of them before and after.

# The fixture of SEMANTICS part 2: P 1-n C 1-n G, A n-n B, the tree N, U n-1 F.
# WORDS holds "Model.relationship" {attribute value ..} pairs.
proc fixture {{words {}} {columns {}}} {
  global cols
  reset_db
  array set rel {
    P.cs {"target":"C","back_populates":"p"}
    C.p {"target":"P","back_populates":"cs"}
    C.gs {"target":"G","back_populates":"c"}
    G.c {"target":"C","back_populates":"gs"}
    A.bs {"target":"B","secondary":"ab","back_populates":"as"}
    B.as {"target":"A","secondary":"ab","back_populates":"bs"}
    N.ch {"target":"N","direction":"one_to_many","back_populates":"par"}
    N.par {"target":"N","direction":"many_to_one","back_populates":"ch"}
    U.pref {"target":"F"}
    H.seat {"target":"S","back_populates":"h","direction":"one_to_one"}
    S.h {"target":"H","back_populates":"seat"}
  }
  array set cols {
    P.id "INTEGER PRIMARY KEY" P.name TEXT
    C.id "INTEGER PRIMARY KEY" C.pid "INTEGER REFERENCES p(id)" C.name TEXT
    G.id "INTEGER PRIMARY KEY" G.cid "INTEGER REFERENCES c(id)" G.name TEXT
    A.id "INTEGER PRIMARY KEY" A.name TEXT
    B.id "INTEGER PRIMARY KEY" B.name "TEXT UNIQUE"
    N.id "INTEGER PRIMARY KEY" N.pid "INTEGER REFERENCES n(id)" N.name TEXT
    F.id "INTEGER PRIMARY KEY" F.name TEXT
    U.id "INTEGER PRIMARY KEY" U.pref_id "INTEGER REFERENCES f(id)" U.name TEXT
    H.id "INTEGER PRIMARY KEY" H.name TEXT
    S.id "INTEGER PRIMARY KEY" S.hid "INTEGER UNIQUE REFERENCES h(id)"
    S.name TEXT
  }
  foreach {name more} $words {
    append rel($name) ,$more
  }
  foreach {name decl} $columns { set cols($name) $decl }
  set doc {}
  foreach model {P C G A B N F U H S} {
    set columns {}
    foreach name [lsort -command ColumnOrder [array names cols $model.*]] {
      lappend columns "\"[lindex [split $name .] 1]\":\"$cols($name)\""
    }
    set rels {}
    foreach name [array names rel $model.*] {
      lappend rels [format {"%s":{%s}} [lindex [split $name .] 1] $rel($name)]
    }
    set key [expr {$model eq "B" ? {"natural_key":"name",} : ""}]
    lappend doc [format {"%s":{"table":"%s",%s"columns":{%s},"relationships":{%s}}} \
        $model [string tolower $model] $key [join $columns ,] [join $rels ,]]
  }
  set doc [format {{%s}} [join $doc ,]]
  db eval {SELECT orm_define($doc)}
  db eval {
    INSERT INTO p VALUES (1,'p1'), (2,'p2');
    INSERT INTO c VALUES (1,1,'c1'), (2,1,'c2'), (3,2,'c3');
    INSERT INTO g VALUES (1,1,'g1'), (2,1,'g2'), (3,2,'g3');
    INSERT INTO a VALUES (1,'a1'), (2,'a2');
    INSERT INTO b VALUES (1,'b1'), (2,'b2'), (3,'b3');
    INSERT INTO ab VALUES (1,1), (1,2), (2,1);
    INSERT OR REPLACE INTO n VALUES (1,NULL,'n1'), (2,1,'n2'), (3,2,'n3'), (4,1,'n4');
    INSERT INTO f VALUES (1,'f1'), (2,'f2');
    INSERT OR REPLACE INTO u VALUES (1,1,'u1'), (2,2,'u2'), (3,NULL,'u3');
    INSERT INTO h VALUES (1,'h1'), (2,'h2');
    INSERT INTO s VALUES (1,1,'s1'), (2,NULL,'s2');
  }
  set ::before [state]
}
proc ColumnOrder {a b} {
  set order {id pid cid pref_id hid name}
  set x [lsearch $order [lindex [split $a .] 1]]
  set y [lsearch $order [lindex [split $b .] 1]]
  expr {$x < 0 || $y < 0 ? $y - $x : $x - $y}
}

# All rows, as `table row row ..` with rows as a,b,c.
proc state {} {
  set out {}
  foreach t {p c g a b ab n f u h s} {
    set rows {}
    db eval "SELECT * FROM $t ORDER BY 1, 2" row {
      set line {}
      foreach column $row(*) { lappend line $row($column) }
      lappend rows [join $line ,]
    }
    lappend out $t $rows
  }
  return $out
}

# What a statement changes: for each table that differs, its rows afterwards.
proc changed {sql} {
  set before [state]
  if {[catch {db eval $sql} result]} {
    if {[state] ne $before} { return "SOMETHING WRITTEN: $result" }
    return $result
  }
  set out {}
  foreach {t rows} [state] {
    if {$rows ne [dict get $before $t]} { lappend out $t $rows }
  }
  return $out
}

# Every rule holds with foreign keys off and on.
proc do_rule_test {name words sql expected {columns {}}} {
  foreach on {0 1} {
    fixture $words $columns
    db eval "PRAGMA foreign_keys=$on"
    if {![string match "orm:*" $expected]} {
      set expected [dict map {t rows} $expected { list {*}$rows }]
    }
    do_test $name-fk$on [list changed $sql] $expected
    do_execsql_test $name-fk$on-check { PRAGMA foreign_key_check } {}
  }
}
