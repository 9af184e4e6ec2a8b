/*
** SQL scripts over model tables.  An input is either
**
**     SQL text (it begins with a letter or a '-'), run statement by statement,
**     or bytes, each of which chooses among the productions of a small grammar
**
** The grammar's SELECTs are run twice, over the model tables and over the
** tables themselves, and must give the same rows; so must an UPDATE and a
** DELETE of a model that has no relationships.  Nothing may crash, leak, run
** for ever, or damage the file, and every failed statement leaves no trace.
**
** Each input is a transaction, rolled back at the end.
*/
#include "calls.h"

#define SCRIPT_ROWS 20000       /* of a result that is compared               */
#define SCRIPT_STATEMENTS 16

static const char zSchema[] =
  "CREATE TABLE one(id INTEGER PRIMARY KEY, i INT, t TEXT,"
  " two_id INT REFERENCES two(id));"
  "CREATE INDEX one_i ON one(i, t); CREATE INDEX one_two ON one(two_id);"
  "CREATE TABLE two(id INTEGER PRIMARY KEY, code TEXT UNIQUE, y INT);"
  "CREATE TABLE three(a INT, b TEXT, c INT, one_id INT REFERENCES one(id)"
  " ON DELETE CASCADE, PRIMARY KEY(a, b)) WITHOUT ROWID;"
  "CREATE TABLE lone(id INTEGER PRIMARY KEY, i INT, t TEXT, u INT UNIQUE);"
  "CREATE INDEX lone_t ON lone(t DESC);"
  "CREATE TABLE sink(a, b);"
  "INSERT INTO two VALUES(1,'a',1),(2,'b',NULL),(3,'ab',1),(4,NULL,7);"
  "INSERT INTO one VALUES(1,1,'a',1),(2,1,'b',1),(3,NULL,'',2),(4,7,'ab',9),"
  " (5,2,NULL,NULL),(6,-1,'a',3),(7,1,'a',1);"
  "INSERT INTO three VALUES(1,'a',1,1),(1,'b',2,1),(2,'a',NULL,3),(3,'',7,"
  "NULL);"
  "INSERT INTO lone VALUES(1,1,'a',10),(2,2,'b',20),(3,NULL,NULL,NULL),"
  " (4,1,'ab',40),(5,7,'a',NULL);"
  "SELECT orm_reflect(json_object('except', json_array('sink')));"
  "UPDATE orm_model SET natural_key='code' WHERE name='two';"
  "CREATE VIRTUAL TABLE temp.m_one USING orm(one);"
  "CREATE VIRTUAL TABLE temp.m_two USING orm(two);"
  "CREATE VIRTUAL TABLE m_three USING orm(three);"
  "CREATE VIRTUAL TABLE temp.m_lone USING orm(lone);";

static const char zContent[] =
  "SELECT (SELECT group_concat(quote(id)||quote(i)||quote(t)||quote(two_id))"
  " FROM one) || '/' || (SELECT group_concat(quote(id)||quote(code)||quote(y))"
  " FROM two) || '/' || coalesce((SELECT group_concat(quote(a)||quote(b)||"
  "quote(c)||quote(one_id)) FROM three), '') || '/' || (SELECT group_concat("
  "quote(id)||quote(i)||quote(t)||quote(u)) FROM lone) || '/' ||"
  " (SELECT count(*) FROM sink)";

static const char zLone[] =
  "SELECT group_concat(quote(id)||','||quote(i)||','||quote(t)||','||quote(u),"
  " ';') FROM (SELECT * FROM lone ORDER BY id)";

/* ------------------------------------------------------------- the grammar */

static const struct Table {
  const char *zName;
  int nInt, nText;
  const char *azInt[4], *azText[2];
} aTable[] = {
  { "one",   3, 1, { "id", "i", "two_id" }, { "t" } },
  { "two",   2, 1, { "id", "y" }, { "code" } },
  { "three", 3, 1, { "a", "c", "one_id" }, { "b" } },
  { "lone",  3, 1, { "id", "i", "u" }, { "t" } },
};

static const char *const azInt[] = { "1", "2", "NULL", "0", "-1", "7", "3", "9",
  "40", "4" };
static const char *const azText[] = { "'a'", "'b'", "''", "NULL", "'ab'", "'A'",
  "'zz'", "'a%'" };

static const unsigned char *pNow, *pEnd;
static int choose(int n){
  return pNow<pEnd ? *pNow++ % n : 0;
}
#define CHOOSE(az) (az)[choose(ORM_COUNT(az))]

/* The tables of a FROM clause, with their names in the SQL: a, b, .. */
typedef struct From From;
struct From {
  int n;
  int aTable[4];
  char aName[4];
};

static const struct Table *fromTable(const From *p, int *pi){
  *pi = choose(p->n);
  return &aTable[p->aTable[*pi]];
}
static void column(OrmBuf *b, const From *p, int bText){
  int i;
  const struct Table *t = fromTable(p, &i);
  ormBufPrintf(b, "%c.%s", p->aName[i], bText ? t->azText[choose(t->nText)]
                                              : t->azInt[choose(t->nInt)]);
}
static void value(OrmBuf *b, const From *p, int bText){
  if( choose(3)==2 ) column(b, p, bText);
  else ormBufAdd(b, bText ? CHOOSE(azText) : CHOOSE(azInt), -1);
}

static void condition(OrmBuf *b, const From *p, int nDepth);

/* One more table, as "@name letter". */
static void addTable(OrmBuf *b, From *p){
  int i = choose(ORM_COUNT(aTable));
  p->aTable[p->n] = i;
  p->aName[p->n] = (char)('a' + p->n);
  ormBufPrintf(b, "@%s %c", aTable[i].zName, p->aName[p->n]);
  p->n++;
}

/* SELECT a column FROM another table, correlated or not. */
static void subquery(OrmBuf *b, const From *p, int bText, int nDepth){
  From inner = *p;
  int i;
  OrmErr err = {0};
  OrmBuf from;
  if( p->n==4 ){
    ormBufAdd(b, "SELECT NULL", -1);
    return;
  }
  ormBufInit(&from, &err);
  addTable(&from, &inner);
  i = inner.n - 1;
  ormBufPrintf(b, "SELECT %c.%s FROM %s WHERE ", inner.aName[i],
      bText ? aTable[inner.aTable[i]].azText[0]
            : aTable[inner.aTable[i]].azInt[choose(2)], ormBufText(&from));
  ormBufFree(&from);
  condition(b, &inner, nDepth + 1);
}

static void condition(OrmBuf *b, const From *p, int nDepth){
  static const char *const azOp[] = { "=", "=", "<", ">=", "<>", "<=", ">",
                                      "IS", "IS NOT" };
  static const char *const azLike[] = { "LIKE 'a%'", "LIKE '%b'", "GLOB 'a*'",
                                        "LIKE 'A_'", "GLOB '*'" };
  int bText = choose(2);
  switch( choose(nDepth<3 ? 12 : 7) ){
    case 0: case 1: case 2:
      column(b, p, bText);
      ormBufPrintf(b, " %s ", CHOOSE(azOp));
      value(b, p, bText);
      break;
    case 3:
      column(b, p, bText);
      ormBufAdd(b, choose(4) ? " IN (" : " NOT IN (", -1);
      for(int i=choose(4); i>=0; i--){
        ormBufPrintf(b, "%s%s", bText ? CHOOSE(azText) : CHOOSE(azInt),
                     i ? ", " : ")");
      }
      break;
    case 4:
      column(b, p, bText);
      ormBufAdd(b, " BETWEEN ", -1);
      value(b, p, bText);
      ormBufAdd(b, " AND ", -1);
      value(b, p, bText);
      break;
    case 5:
      column(b, p, bText);
      ormBufAdd(b, choose(2) ? " IS NULL" : " NOTNULL", -1);
      break;
    case 6:
      column(b, p, 1);
      ormBufPrintf(b, " %s", CHOOSE(azLike));
      break;
    case 7: case 8:
      ormBufAdd(b, "(", -1);
      condition(b, p, nDepth + 1);
      ormBufAdd(b, choose(2) ? " OR " : " AND ", -1);
      condition(b, p, nDepth + 1);
      ormBufAdd(b, ")", -1);
      break;
    case 9:
      ormBufAdd(b, "NOT (", -1);
      condition(b, p, nDepth + 1);
      ormBufAdd(b, ")", -1);
      break;
    case 10:
      column(b, p, bText);
      ormBufAdd(b, " IN (", -1);
      subquery(b, p, bText, nDepth);
      ormBufAdd(b, ")", -1);
      break;
    default:
      ormBufAdd(b, "EXISTS (", -1);
      subquery(b, p, 0, nDepth);
      ormBufAdd(b, ")", -1);
  }
}

/* FROM and WHERE. */
static void fromClause(OrmBuf *b, From *p){
  static const char *const azJoin[] = { " JOIN ", " LEFT JOIN ", ", ",
                                        " CROSS JOIN " };
  int nJoin = choose(8);
  ormBufAdd(b, " FROM ", -1);
  addTable(b, p);
  for(nJoin = nJoin<4 ? 0 : nJoin<7 ? 1 : 2; nJoin>0; nJoin--){
    const char *zJoin = CHOOSE(azJoin);
    ormBufAdd(b, zJoin, -1);
    addTable(b, p);
    if( zJoin[0]==' ' ){
      ormBufAdd(b, " ON ", -1);
      condition(b, p, 1);
    }
  }
  if( choose(4) ){
    ormBufAdd(b, " WHERE ", -1);
    condition(b, p, 0);
  }
}

static void selectSql(OrmBuf *b){
  static const char *const azAgg[] = { "count(*)", "sum(", "min(", "max(",
                                       "count(DISTINCT " };
  From from = {0};
  OrmErr err = {0};
  OrmBuf tail;
  int eKind = choose(6), nColumn = 1 + choose(3);
  ormBufInit(&tail, &err);
  fromClause(&tail, &from);
  ormBufAdd(b, eKind==1 ? "SELECT DISTINCT " : "SELECT ", -1);
  if( eKind<4 ){
    for(int i=0; i<nColumn; i++){
      if( i ) ormBufAdd(b, ", ", -1);
      if( choose(9)==8 ){
        ormBufAdd(b, "(SELECT count(*) FROM (", -1);
        subquery(b, &from, 0, 2);
        ormBufAdd(b, "))", -1);
      }else{
        column(b, &from, choose(2));
      }
    }
    ormBufAdd(b, ormBufText(&tail), -1);
    if( eKind>1 ){
      ormBufAdd(b, " ORDER BY 1", -1);
      for(int i=1; i<nColumn; i++) ormBufPrintf(b, ", %d%s", i + 1,
                                                choose(2) ? "" : " DESC");
    }
    if( eKind==3 ) ormBufPrintf(b, " LIMIT %d OFFSET %d", choose(5), choose(3));
  }else{
    const char *zAgg = CHOOSE(azAgg);
    From own = from;
    OrmBuf group;
    ormBufInit(&group, &err);
    column(&group, &own, choose(2));
    ormBufPrintf(b, "%s, %s", eKind==4 ? ormBufText(&group) : "0", zAgg);
    if( zAgg[strlen(zAgg)-1]!=')' ){
      column(b, &from, 0);
      ormBufAdd(b, ")", -1);
    }
    ormBufAdd(b, ormBufText(&tail), -1);
    if( eKind==4 ) ormBufPrintf(b, " GROUP BY %s", ormBufText(&group));
    ormBufFree(&group);
  }
  ormBufFree(&tail);
}

/* A write of table i, named by @: an UPDATE, a DELETE, or an INSERT. */
static void assignment(OrmBuf *b, int i){
  const struct Table *t = &aTable[i];
  if( choose(3)==2 ){
    ormBufPrintf(b, "%s=%s", t->azText[0], CHOOSE(azText));
  }else{
    int iColumn = choose(t->nInt);
    ormBufPrintf(b, "%s=", t->azInt[iColumn]);
    if( iColumn==1 && choose(2) ){
      ormBufPrintf(b, "%s+1", t->azInt[1]);
    }else{
      ormBufAdd(b, CHOOSE(azInt), -1);
    }
  }
}

static void writeChange(OrmBuf *b, int i){
  From from = {0};
  from.n = 1;
  from.aTable[0] = i;
  from.aName[0] = 'a';
  if( choose(3) ){
    static const char *const azOr[] = { "", "", "OR IGNORE ", "OR FAIL ",
                                        "OR ABORT " };
    ormBufPrintf(b, "UPDATE %s@%s AS a SET ", i==3 ? "" : CHOOSE(azOr),
                 aTable[i].zName);
    assignment(b, i);
  }else{
    ormBufPrintf(b, "DELETE FROM @%s AS a", aTable[i].zName);
  }
  ormBufAdd(b, " WHERE ", -1);
  condition(b, &from, 1);
}

static void writeInsert(OrmBuf *b){
  static const char *const azOr[] = { "", "OR IGNORE ", "OR REPLACE ",
                                      "OR FAIL " };
  static const char *const azObject[] = { "NULL", "'{\"code\":\"new\"}'",
    "'{\"id\":1,\"y\":5}'", "1", "99", "'{\"wrong\":1}'", "'['", "''" };
  static const char *const azArray[] = { "NULL", "'[]'", "'[{\"t\":\"n\"}]'",
    "'{\"$add\":[1,{\"i\":5}]}'", "'{\"$remove\":[1]}'", "'[1,2]'",
    "'{\"$set\":[3]}'", "'x'" };
  const char *zOr = CHOOSE(azOr);
  switch( choose(6) ){
    case 0:
      ormBufPrintf(b, "INSERT %sINTO @one(i, t, two) VALUES(%s, %s, %s)", zOr,
                   CHOOSE(azInt), CHOOSE(azText), CHOOSE(azObject));
      break;
    case 1:
      ormBufPrintf(b, "INSERT %sINTO @two(code, y, one) VALUES(%s, %s, %s)",
                   zOr, CHOOSE(azText), CHOOSE(azInt), CHOOSE(azArray));
      break;
    case 2:
      ormBufPrintf(b, "INSERT %sINTO @three(a, b, c) SELECT id, t, i FROM @one"
                   " WHERE i=%s", zOr, CHOOSE(azInt));
      break;
    case 3:
      ormBufPrintf(b, "INSERT %sINTO @lone(i, t, u) VALUES(%s, %s, %s),"
                   "(1, 'z', %s) RETURNING *", zOr, CHOOSE(azInt),
                   CHOOSE(azText), CHOOSE(azInt), CHOOSE(azInt));
      break;
    case 4:
      ormBufPrintf(b, "UPDATE @two SET one=%s WHERE id<=%s", CHOOSE(azArray),
                   CHOOSE(azInt));
      break;
    default:
      ormBufPrintf(b, "UPDATE @one SET two=%s WHERE i=%s", CHOOSE(azObject),
                   CHOOSE(azInt));
  }
}

static const char *const azOther[] = {
  "SAVEPOINT s", "ROLLBACK TO s", "RELEASE s", "SAVEPOINT r", "RELEASE r",
  "ROLLBACK TO r",
  "DELETE FROM two WHERE id=1", "UPDATE one SET i=i+1, t=t||'x'",
  "INSERT INTO one(id, i) SELECT id+100, i FROM one", "DELETE FROM one",
  "ALTER TABLE one ADD COLUMN z INT", "ALTER TABLE one DROP COLUMN z",
  "ALTER TABLE one RENAME TO uno", "ALTER TABLE uno RENAME TO one",
  "ALTER TABLE temp.m_one RENAME TO m_uno", "DROP TABLE temp.m_one",
  "DROP TABLE temp.m_uno", "CREATE VIRTUAL TABLE temp.m_one USING orm(one)",
  "DROP TABLE m_three", "CREATE VIRTUAL TABLE m_three USING orm(three)",
  "CREATE INDEX ix ON one(t)", "DROP INDEX ix", "DROP TABLE three",
  "CREATE TABLE three(a INT, b TEXT, c INT, one_id INT, PRIMARY KEY(a, b))",
  "CREATE TEMP VIEW v AS SELECT id, t, two FROM m_one WHERE i=1",
  "SELECT * FROM v, m_two WHERE v.id=m_two.id", "DROP VIEW temp.v",
  "CREATE TEMP TRIGGER g AFTER UPDATE ON one BEGIN"
  " INSERT INTO m_two(code, y) VALUES(new.t, new.i); END",
  "CREATE TEMP TRIGGER d BEFORE DELETE ON lone BEGIN"
  " DELETE FROM m_lone WHERE id>old.id; END", "DROP TRIGGER temp.g",
  "UPDATE orm_model SET order_by='-t' WHERE name='one'",
  "UPDATE orm_model SET soft_delete='i' WHERE name='lone'",
  "INSERT INTO orm_field(model, name, hidden) VALUES('one', 't', 1)",
  "INSERT INTO orm_field(model, name, readonly) VALUES('lone', 't', 1)",
  "DELETE FROM orm_field", "DELETE FROM orm_model WHERE name='two'",
  "UPDATE orm_relationship SET cascade='all, delete-orphan'",
  "SELECT orm_enforce(1)", "SELECT orm_enforce(0)", "SELECT orm_reflect()",
  "SELECT orm_init()",
  "INSERT INTO sink SELECT object, two FROM m_one",
  "INSERT INTO sink SELECT one, two__code FROM m_two a LEFT JOIN m_one b",
  "INSERT INTO sink(a) SELECT object FROM m_one('two.one')",
  "INSERT INTO m_lone(t) SELECT object FROM m_one",
  "INSERT INTO m_lone(id, i, t) SELECT id+10, i, t FROM m_lone",
  "UPDATE m_one SET t=(SELECT max(t) FROM m_one), i=i+1",
  "UPDATE m_one SET i=a.y, t=a.code FROM m_two a WHERE a.id=m_one.two_id",
  "DELETE FROM m_one WHERE id IN (SELECT id FROM m_one WHERE two__y=1)",
  "DELETE FROM m_two WHERE id<=(SELECT count(*) FROM m_one)",
  "SELECT count(object) FROM m_three WHERE key>='[1' ORDER BY one__t",
  "SELECT one__two FROM m_three", "SELECT key, one FROM m_three",
  "WITH RECURSIVE x(i) AS (SELECT 1 UNION SELECT b.id FROM x, m_one b"
  " WHERE b.two_id=x.i) SELECT count(*) FROM x",
  "SELECT object FROM m_one ORDER BY two__code DESC, t LIMIT 2 OFFSET 1",
  "SELECT sum(i) OVER (ORDER BY id) FROM m_one",
  "SELECT id FROM m_one INTERSECT SELECT id FROM m_two EXCEPT"
  " SELECT a FROM m_three",
  "PRAGMA foreign_key_check", "PRAGMA recursive_triggers=ON", "ANALYZE",
  "SELECT * FROM orm_check", "REINDEX", "DELETE FROM orm_object WHERE"
  " model='one' AND query='{\"limit\":1}'",
};

/* ------------------------------------------------------------------- runs */

/* What may go wrong in a statement that names what may be gone. */
static int mayFail(int rc, const char *zMsg){
  if( rc==SQLITE_MISUSE || rc==SQLITE_INTERNAL || rc==SQLITE_CORRUPT ){
    fuzzFail("result code", zMsg);
  }
  return rc==SQLITE_INTERRUPT || strstr(zMsg, "no such")
      || strstr(zMsg, "orm: ") || strstr(zMsg, "too big")
      || strstr(zMsg, "out of memory");
}

static int compareText(const void *a, const void *b){
  return strcmp(*(char *const*)a, *(char *const*)b);
}

/* Not for ever; callText() takes the bound away. */
static void bound(void){
  sqlite3_progress_handler(fuzzDb, 4*FUZZ_OPS, fuzzStop, 0);
}

/* The rows of a SELECT as sorted text, to be freed; 0: it failed. */
static char *rowsOf(const char *zSql){
  static char *azRow[SCRIPT_ROWS];
  sqlite3_stmt *pStmt = 0;
  OrmErr err = {0};
  OrmBuf b;
  char *z = 0;
  int nRow = 0, rc = sqlite3_prepare_v2(fuzzDb, zSql, -1, &pStmt, 0);
  ormBufInit(&b, &err);
  bound();
  if( rc==SQLITE_OK ){
    while( (rc = sqlite3_step(pStmt))==SQLITE_ROW && nRow<SCRIPT_ROWS ){
      ormBufReset(&b);
      for(int i=0; i<sqlite3_column_count(pStmt); i++){
        const char *zCell = (const char*)sqlite3_column_text(pStmt, i);
        ormBufPrintf(&b, "%d:%s|", sqlite3_column_type(pStmt, i),
                     zCell ? zCell : "");
      }
      azRow[nRow++] = sqlite3_mprintf("%s", ormBufText(&b));
    }
  }
  if( rc==SQLITE_DONE ){
    qsort(azRow, (size_t)nRow, sizeof(azRow[0]), compareText);
    ormBufReset(&b);
    for(int i=0; i<nRow; i++) ormBufPrintf(&b, "%s\n", azRow[i]);
    z = sqlite3_mprintf("%s", ormBufText(&b));
  }else if( rc!=SQLITE_ROW && !mayFail(rc & 0xff, sqlite3_errmsg(fuzzDb)) ){
    fuzzFail(zSql, sqlite3_errmsg(fuzzDb));
  }
  for(int i=0; i<nRow; i++) sqlite3_free(azRow[i]);
  ormBufFree(&b);
  sqlite3_finalize(pStmt);
  return z;
}

/* zSql with each @ become zPrefix; to be freed. */
static char *withNames(const char *zSql, const char *zPrefix){
  OrmErr err = {0};
  OrmBuf b;
  char *z;
  ormBufInit(&b, &err);
  for(; *zSql; zSql++){
    if( *zSql=='@' ) ormBufAdd(&b, zPrefix, -1);
    else ormBufAdd(&b, zSql, 1);
  }
  z = sqlite3_mprintf("%s", ormBufText(&b));
  ormBufFree(&b);
  return z;
}

/* Run a text of any number of statements; 1 if all went well.  One that fails
** leaves no trace, but for OR FAIL and what leaves it by SQLite's own rules: a
** RAISE(FAIL), the first function of VALUES(f(), g()). */
static int runText(const char *z, const char *zEnd){
  int bWell = 1;
  int bJudge = sqlite3_strlike("%FAIL%", z, 0)
            && sqlite3_strlike("%orm_%", z, 0);
  for(int i=0; i<SCRIPT_STATEMENTS && z<zEnd; i++){
    sqlite3_stmt *pStmt = 0;
    const char *zTail = 0;
    char *zBefore = callText(zContent, 0);
    int rc = sqlite3_prepare_v2(fuzzDb, z, (int)(zEnd - z), &pStmt, &zTail);
    int bRead = pStmt && sqlite3_stmt_readonly(pStmt);
    bound();
    while( rc==SQLITE_OK && pStmt && sqlite3_step(pStmt)==SQLITE_ROW ){
      for(int j=0; j<sqlite3_column_count(pStmt); j++){
        sqlite3_column_text(pStmt, j);
      }
    }
    if( sqlite3_finalize(pStmt)!=SQLITE_OK || rc!=SQLITE_OK ){
      char *zAfter = callText(zContent, 0);
      mayFail(sqlite3_errcode(fuzzDb), sqlite3_errmsg(fuzzDb));
      bWell = 0;
      if( zBefore && zAfter && bJudge && !bRead
       && !sqlite3_get_autocommit(fuzzDb) && strcmp(zBefore, zAfter) ){
        fprintf(stderr, "before: %s\n after: %s\n", zBefore, zAfter);
        fuzzFail("half done", z);
      }
      sqlite3_free(zAfter);
    }
    sqlite3_free(zBefore);
    if( zTail==0 || zTail<=z || rc!=SQLITE_OK ) break;
    z = zTail;
  }
  return bWell;
}

/* The same SELECT over both kinds of tables. */
static void checkSelect(const char *zSql){
  char *zModel = withNames(zSql, "m_"), *zTable = withNames(zSql, "");
  char *zGot = rowsOf(zModel), *zWanted = rowsOf(zTable);
  if( zGot && zWanted && strcmp(zGot, zWanted) ){
    fprintf(stderr, "model gives:\n%stable gives:\n%s", zGot, zWanted);
    fuzzFail("other rows", zModel);
  }
  sqlite3_free(zGot);
  sqlite3_free(zWanted);
  sqlite3_free(zModel);
  sqlite3_free(zTable);
}

/* The same change of lone, over the model table and over the table. */
static void checkChange(const char *zSql){
  char *zModel = withNames(zSql, "m_"), *zTable = withNames(zSql, "");
  char *zGot = 0, *zWanted = 0;
  callQuiet("SAVEPOINT diff");
  if( runText(zModel, zModel + strlen(zModel)) ) zGot = callText(zLone, 0);
  callQuiet("ROLLBACK TO diff");
  if( runText(zTable, zTable + strlen(zTable)) ) zWanted = callText(zLone, 0);
  callQuiet("RELEASE diff");
  if( zGot && zWanted && strcmp(zGot, zWanted) ){
    fprintf(stderr, "model gives %s\ntable gives %s\n", zGot, zWanted);
    fuzzFail("other rows after", zModel);
  }
  sqlite3_free(zGot);
  sqlite3_free(zWanted);
  sqlite3_free(zModel);
  sqlite3_free(zTable);
}

/* Metadata and triggers that make a model other than its table. */
static int isPlain(void){
  char *z = callText("SELECT 1 FROM orm_model WHERE soft_delete NOTNULL OR"
      " name='lone' AND table_name<>'lone' UNION ALL"
      " SELECT 1 FROM orm_field UNION ALL"
      " SELECT 1 FROM sqlite_temp_schema WHERE type='trigger' UNION ALL"
      " SELECT 1 FROM sqlite_schema WHERE name='uno'", 0);
  sqlite3_free(z);
  return z==0;
}

static void grammarStatement(void){
  OrmErr err = {0};
  OrmBuf b;
  const char *z;
  int eKind = choose(8);
  ormBufInit(&b, &err);
  if( eKind<3 ) selectSql(&b);
  else if( eKind==3 ) writeChange(&b, 3);
  else if( eKind==4 ) writeChange(&b, choose(3));
  else if( eKind==5 ) writeInsert(&b);
  else ormBufAdd(&b, CHOOSE(azOther), -1);
  z = ormBufText(&b);
  if( getenv("FUZZ_ECHO") ) fprintf(stderr, "%s;\n", z);
  if( eKind<3 && isPlain() ){
    checkSelect(z);
  }else if( eKind==3 && isPlain() ){
    checkChange(z);
  }else{
    char *zModel = withNames(z, "m_");
    runText(zModel, zModel + strlen(zModel));
    sqlite3_free(zModel);
  }
  ormBufFree(&b);
}

/* No file but this one is touched, and the transaction stays ours. */
static int authorize(
  void *pArg, int eAction, const char *z1, const char *z2, const char *zDb,
  const char *zBy
){
  (void)pArg; (void)z2; (void)zDb; (void)zBy;
  if( eAction==SQLITE_ATTACH || eAction==SQLITE_DETACH
   || eAction==SQLITE_TRANSACTION ) return SQLITE_DENY;
  if( eAction==SQLITE_PRAGMA && sqlite3_stricmp(z1, "recursive_triggers")
   && sqlite3_stricmp(z1, "foreign_key_check")
   && sqlite3_strglob("*_*list*", z1) && sqlite3_strglob("*info", z1)
   && sqlite3_strglob("*_check", z1) && sqlite3_strglob("data_version", z1)
   && sqlite3_strglob("*schema_version", z1)
   && sqlite3_strglob("*foreign_keys", z1) ){
    return SQLITE_DENY;
  }
  return SQLITE_OK;
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n){
  static int nInput = 0;
  int bForeign = nInput%2;
  char *zIntegrity;
  if( n==0 || n>4000 ) return -1;
  if( nInput++%500==0 ) fuzzOpen(zSchema);
  sqlite3_limit(fuzzDb, SQLITE_LIMIT_LENGTH, 100000);
  fuzzExec(bForeign ? "PRAGMA foreign_keys=1; BEGIN"
                    : "PRAGMA foreign_keys=0; BEGIN");
  fuzzExec("PRAGMA recursive_triggers=OFF");
  sqlite3_set_authorizer(fuzzDb, authorize, 0);
  if( (p[0]>='A' && p[0]<='Z') || (p[0]>='a' && p[0]<='z') || p[0]=='-' ){
    char zSql[4001];
    memcpy(zSql, p, n);
    zSql[n] = 0;
    runText(zSql, zSql + n);
  }else{
    pNow = p + 1;
    pEnd = p + n;
    for(int i=0; i<SCRIPT_STATEMENTS && pNow<pEnd; i++) grammarStatement();
  }
  sqlite3_progress_handler(fuzzDb, 0, 0, 0);
  sqlite3_set_authorizer(fuzzDb, 0, 0);
  zIntegrity = callText("PRAGMA integrity_check", 0);
  if( zIntegrity==0 || strcmp(zIntegrity, "ok") ){
    fuzzFail("integrity_check", zIntegrity);
  }
  sqlite3_free(zIntegrity);
  if( sqlite3_get_autocommit(fuzzDb) ) nInput = 0;
  else fuzzExec("ROLLBACK");
  return 0;
}
