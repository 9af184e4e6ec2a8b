/*
** Writes beside the same writes in hand-written SQL, each prepared, each in a
** transaction that is rolled back, on one database in memory; "commit" is
** "patch" with a transaction for each statement.
**
**     write LIBRARY [WORKLOAD [WAY]]
**
** Without a way the median of RUNS times is printed, and the largest amount of
** memory that SQLite held meanwhile beyond what it held before, in documents.
** With one, that way runs once, inside work(), for valgrind:
**
**     valgrind --tool=callgrind --toggle-collect=work write LIBRARY patch 1
**
** Ways: 0 is the one that a goal compares with, and so on as they are printed.
*/
#include "kit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 7
#define MAX_WAY 4
#define N_ROW 50000
#define N_FLAT 100000

static int nPatch = 20000;
static char *zDoc;              /* the document of the workload               */

static char *text(const char *zSql){
  sqlite3_stmt *pStmt = prepare(zSql);
  char *z;
  if( sqlite3_step(pStmt)!=SQLITE_ROW ) die(zSql);
  z = sqlite3_mprintf("%s", sqlite3_column_text(pStmt, 0));
  sqlite3_finalize(pStmt);
  return z;
}

static void done(sqlite3_stmt *pStmt){
  while( sqlite3_step(pStmt)==SQLITE_ROW ){}
  if( sqlite3_reset(pStmt)!=SQLITE_OK ) die(sqlite3_sql(pStmt));
}

/* ------------------------------------------------------------------ ways -- */

/* One field of objects here and there, by key. */
static void patch(sqlite3_stmt **ap, const char *zFormat){
  for(int i=0; i<nPatch; i++){
    char z[60];
    sqlite3_snprintf((int)sizeof(z), z, zFormat, i);
    sqlite3_bind_int(ap[0], 1, 1 + (int)(i*7919LL % N_ROW));
    sqlite3_bind_text(ap[0], 2, z, -1, SQLITE_TRANSIENT);
    done(ap[0]);
  }
}

static void patchSql(sqlite3_stmt **ap){
  patch(ap, "name %d");
}

static void patchOrm(sqlite3_stmt **ap){
  patch(ap, "{\"name\": \"name %d\"}");
}

static void once(sqlite3_stmt **ap){
  done(ap[0]);
}

static void document(sqlite3_stmt **ap){
  for(int i=0; ap[i]; i++){
    sqlite3_bind_text(ap[i], 1, zDoc, -1, SQLITE_STATIC);
    done(ap[i]);
    sqlite3_clear_bindings(ap[i]);
  }
}

/* What a program does that has the values in its own structures. */
typedef struct Person Person;
struct Person {
  char zMail[40], zName[40], zBio[80];
  int iAge;
};
static Person *aPerson;

static void makePersons(void){
  aPerson = malloc(N_FLAT*sizeof(*aPerson));
  if( aPerson==0 ) die("malloc");
  for(int i=0; i<N_FLAT; i++){
    Person *p = &aPerson[i];
    sqlite3_snprintf((int)sizeof(p->zMail), p->zMail, "person%d@example.org",
                     i + 1);
    sqlite3_snprintf((int)sizeof(p->zName), p->zName, "Person %d", i + 1);
    sqlite3_snprintf((int)sizeof(p->zBio), p->zBio,
                     "Some words about person number %d", i + 1);
    p->iAge = (i + 1)%90;
  }
}

static void bindLoop(sqlite3_stmt **ap){
  for(int i=0; i<N_FLAT; i++){
    const Person *p = &aPerson[i];
    sqlite3_bind_text(ap[0], 1, p->zMail, -1, SQLITE_STATIC);
    sqlite3_bind_text(ap[0], 2, p->zName, -1, SQLITE_STATIC);
    sqlite3_bind_int(ap[0], 3, p->iAge);
    sqlite3_bind_text(ap[0], 4, p->zBio, -1, SQLITE_STATIC);
    done(ap[0]);
  }
}

#define FLAT_DOC \
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE" \
  " i<100000) SELECT json_group_array(json_object('email'," \
  " 'person'||i||'@example.org', 'name', 'Person '||i, 'age', i%90, 'bio'," \
  " 'Some words about person number '||i)) FROM n"

#define NESTED_DOC \
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<500)," \
  " p(j) AS (VALUES(1),(2),(3),(4),(5)) SELECT json_group_array(json_object(" \
  "'email', 'new'||i||'@example.org', 'name', 'New '||i, 'bucket', i%100," \
  " 'posts', json((SELECT json_group_array(json_object('title', 'Post '||i||" \
  " '.'||j" \
  ", 'content', 'Some words that are the content of '||i||'.'||j, 'views'," \
  " i*j%1000, 'tags', json_array(json_object('name', 'tag'||((i+j)%100))," \
  " json_object('name', 'tag'||((i+j+50)%100))))) FROM p)))) FROM n"

typedef struct Way Way;
struct Way {
  const char *zName;
  void (*xRun)(sqlite3_stmt**);
  const char *azSql[7];
};

static const struct Work {
  const char *zName;
  const char *zDocSql;
  int bCommit;                  /* each statement is a transaction            */
  Way aWay[MAX_WAY];
} aWork[] = {
  { "patch", 0, 0, {
    { "UPDATE", patchSql, { "UPDATE users SET name = ?2 WHERE id = ?1" } },
    { "orm_update", patchOrm, { "SELECT orm_update('User', ?1, ?2)" } },
    { "UPDATE orm_object", patchOrm, { "UPDATE orm_object SET object = ?2"
        " WHERE model = 'User' AND key = ?1" } },
    { "UPDATE .. json", patchOrm, { "UPDATE users SET name = ?2->>'name'"
        " WHERE id = ?1 RETURNING json_object('id', id, 'email', email,"
        " 'name', name, 'bucket', bucket, 'created_at', created_at)" } },
  } },
  { "commit", 0, 1, {
    { "UPDATE", patchSql, { "UPDATE users SET name = ?2 WHERE id = ?1" } },
    { "orm_update", patchOrm, { "SELECT orm_update('User', ?1, ?2)" } },
    { "UPDATE orm_object", patchOrm, { "UPDATE orm_object SET object = ?2"
        " WHERE model = 'User' AND key = ?1" } },
  } },
  { "many", 0, 0, {
    { "UPDATE", once, { "UPDATE users SET bucket = 777 WHERE bucket<>777" } },
    { "orm_update_many", once, {
        "SELECT orm_update_many('User', NULL, '{\"bucket\": 777}')" } },
    { "UPDATE, by WHERE", once, {
        "UPDATE users SET bucket = 777 WHERE id>100 AND bucket<>777" } },
    { "the same, orm", once, {
        "SELECT orm_update_many('User', '{\"where\": {\"id\": {\"gt\": 100}}}',"
        " '{\"bucket\": 777}')" } },
  } },
  { "increment", 0, 0, {
    { "UPDATE", once, { "UPDATE people SET age = age + 1" } },
    { "orm_update_many", once, { "SELECT orm_update_many('Person', NULL,"
        " '{\"age\": {\"$inc\": 1}}')" } },
  } },
  { "nested", NESTED_DOC, 0, {
    { "json_each", document, {
        "INSERT INTO users(email, name, bucket) SELECT value->>'email',"
        " value->>'name', value->>'bucket' FROM json_each(?1)",
        "INSERT INTO posts(title, content, views, author_id) SELECT"
        " p.value->>'title', p.value->>'content', p.value->>'views',"
        " (SELECT id FROM users WHERE email = u.value->>'email')"
        " FROM json_each(?1) u, json_each(u.value, '$.posts') p",
        "INSERT OR IGNORE INTO tags(name) SELECT t.value->>'name'"
        " FROM json_each(?1) u, json_each(u.value, '$.posts') p,"
        " json_each(p.value, '$.tags') t",
        "INSERT INTO post_tags(post_id, tag_id) SELECT p.id, t.id FROM"
        " (SELECT row_number() OVER () + (SELECT max(id) - 2500 FROM posts)"
        " AS id, p.value AS v FROM json_each(?1) u,"
        " json_each(u.value, '$.posts') p) p, json_each(p.v, '$.tags') j"
        " CROSS JOIN tags t ON t.name = j.value->>'name'" } },
    { "json_each, by temp", document, {
        "INSERT INTO temp.u SELECT key + 1 + (SELECT max(id) FROM users), value"
        " FROM json_each(?1)",
        "INSERT INTO users(id, email, name, bucket) SELECT id, v->>'email',"
        " v->>'name', v->>'bucket' FROM temp.u",
        "INSERT INTO temp.p SELECT row_number() OVER () + (SELECT max(id) FROM"
        " posts), u.id, p.value FROM temp.u, json_each(v, '$.posts') p",
        "INSERT INTO posts(id, title, content, views, author_id) SELECT id,"
        " v->>'title', v->>'content', v->>'views', uid FROM temp.p",
        "INSERT OR IGNORE INTO tags(name) SELECT t.value->>'name' FROM temp.p,"
        " json_each(v, '$.tags') t",
        "INSERT INTO post_tags(post_id, tag_id) SELECT p.id, t.id FROM temp.p,"
        " json_each(v, '$.tags') j CROSS JOIN tags t ON"
        " t.name = j.value->>'name'" } },
    { "orm_create_many", document, { "SELECT orm_create_many('User', ?1)" } },
    { "orm_save_many", document, { "SELECT orm_save_many('User', ?1)" } },
  } },
  { "flat", FLAT_DOC, 0, {
    { "bind loop", bindLoop, {
        "INSERT INTO people(email, name, age, bio) VALUES (?1, ?2, ?3, ?4)" } },
    { "json_each ->>", document, { "INSERT INTO people(email, name, age, bio)"
        " SELECT value->>'email', value->>'name', value->>'age', value->>'bio'"
        " FROM json_each(?1)" } },
    { "json_extract", document, { "INSERT INTO people(email, name, age, bio)"
        " SELECT json_extract(value, '$.email'), json_extract(value, '$.name'),"
        " json_extract(value, '$.age'), json_extract(value, '$.bio')"
        " FROM json_each(?1)" } },
    { "orm_create_many", document, { "SELECT orm_create_many('Person', ?1)" } },
  } },
  { "plain", FLAT_DOC, 0, {     /* no UNIQUE index                            */
    { "bind loop", bindLoop, {
        "INSERT INTO plain(email, name, age, bio) VALUES (?1, ?2, ?3, ?4)" } },
    { "json_each ->>", document, { "INSERT INTO plain(email, name, age, bio)"
        " SELECT value->>'email', value->>'name', value->>'age', value->>'bio'"
        " FROM json_each(?1)" } },
    { "json_extract", document, { "INSERT INTO plain(email, name, age, bio)"
        " SELECT json_extract(value, '$.email'), json_extract(value, '$.name'),"
        " json_extract(value, '$.age'), json_extract(value, '$.bio')"
        " FROM json_each(?1)" } },
    { "orm_create_many", document, { "SELECT orm_create_many('Plain', ?1)" } },
  } },
};
#define N_WORK ((int)(sizeof(aWork)/sizeof(aWork[0])))

/* ------------------------------------------------------------------ data -- */

static const char zSchema[] =
  "PRAGMA foreign_keys=ON; PRAGMA synchronous=OFF;"
  "SELECT orm_define('{\"User\":{\"table\":\"users\",\"columns\":{"
  "\"id\":\"INTEGER PRIMARY KEY\",\"email\":\"TEXT NOT NULL UNIQUE\","
  "\"name\":\"TEXT NOT NULL\",\"bucket\":\"INTEGER NOT NULL\","
  "\"created_at\":\"TEXT\"},\"relationships\":{\"posts\":{\"target\":"
  "\"Post\",\"back_populates\":\"author\"}}},"
  "\"Post\":{\"table\":\"posts\",\"columns\":{\"id\":\"INTEGER PRIMARY KEY\","
  "\"title\":\"TEXT NOT NULL\",\"content\":\"TEXT NOT NULL\","
  "\"views\":\"INTEGER DEFAULT 0\",\"author_id\":"
  "\"INTEGER NOT NULL REFERENCES users(id)\",\"published_at\":\"TEXT\"},"
  "\"indexes\":{\"ix_author\":[\"author_id\"]},"
  "\"relationships\":{\"author\":{\"target\":\"User\"},\"tags\":{\"target\":"
  "\"Tag\",\"secondary\":\"post_tags\"}}},"
  "\"Tag\":{\"table\":\"tags\",\"columns\":{\"id\":\"INTEGER PRIMARY KEY\","
  "\"name\":\"TEXT NOT NULL UNIQUE\"},\"natural_key\":\"name\"},"
  "\"Person\":{\"table\":\"people\",\"columns\":{\"id\":"
  "\"INTEGER PRIMARY KEY\",\"email\":\"TEXT NOT NULL UNIQUE\",\"name\":\"TEXT"
  " NOT NULL\",\"age\":\"INTEGER\",\"bio\":\"TEXT\"}},"
  "\"Plain\":{\"table\":\"plain\",\"columns\":{\"id\":"
  "\"INTEGER PRIMARY KEY\",\"email\":\"TEXT NOT NULL\",\"name\":\"TEXT"
  " NOT NULL\",\"age\":\"INTEGER\",\"bio\":\"TEXT\"}}}');"
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<50000)"
  " INSERT INTO users SELECT i, 'user'||i||'@example.org', 'User '||i, i%100,"
  " datetime(1700000000+i, 'unixepoch') FROM n;"
  "INSERT INTO people SELECT id, 'p'||id, name, bucket, email FROM users;"
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<50)"
  " INSERT INTO tags SELECT i, 'tag'||i FROM n;"
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000)"
  " INSERT INTO posts SELECT i, 'Post number '||i, 'Some words that are the"
  " content of post '||i, (i*7919) % 1000, 1 + (i*48271) % 300,"
  " datetime(1700000000+(i*16807)%9999991, 'unixepoch') FROM n; ANALYZE;"
  "CREATE TEMP TABLE u(id INTEGER PRIMARY KEY, v);"
  "CREATE TEMP TABLE p(id INTEGER PRIMARY KEY, uid, v);";

/* ------------------------------------------------------------- measuring -- */

__attribute__((noipa)) static int work(const Way *p, sqlite3_stmt **ap){
  p->xRun(ap);
  return sqlite3_total_changes(db);
}

static void open(const Way *p, sqlite3_stmt **ap){
  int n = 0;
  memset(ap, 0, 8*sizeof(*ap));
  for(; p->azSql[n]; n++) ap[n] = prepare(p->azSql[n]);
}

static void shut(sqlite3_stmt **ap){
  for(int i=0; ap[i]; i++) sqlite3_finalize(ap[i]);
}

/* One way once, after a first time that is not counted. */
static void single(const struct Work *pWork, const Way *p){
  sqlite3_stmt *ap[8];
  int n;
  nPatch = 2000;
  open(p, ap);
  if( !pWork->bCommit ) run("BEGIN");
  p->xRun(ap);
  if( !pWork->bCommit ) run("ROLLBACK; BEGIN");
  n = work(p, ap);
  if( !pWork->bCommit ) run("ROLLBACK");
  printf("%s: %d changes\n", p->zName, n);
  shut(ap);
}

static void measure(const struct Work *pWork){
  double aaTime[MAX_WAY][RUNS];
  sqlite3_int64 anMost[MAX_WAY], nHeld, nMost;
  sqlite3_stmt *aap[MAX_WAY][8];
  int n = 0;
  for(; n<MAX_WAY && pWork->aWay[n].zName; n++) open(&pWork->aWay[n], aap[n]);
  for(int j=-1; j<RUNS; j++){
    for(int i=0; i<n; i++){
      double t;
      if( !pWork->bCommit ) run("BEGIN");
      sqlite3_status64(SQLITE_STATUS_MEMORY_USED, &nHeld, &nMost, 1);
      t = seconds();
      pWork->aWay[i].xRun(aap[i]);
      t = seconds() - t;
      sqlite3_status64(SQLITE_STATUS_MEMORY_USED, &nHeld, &nMost, 0);
      anMost[i] = nMost - nHeld;
      if( j>=0 ) aaTime[i][j] = t;
      if( !pWork->bCommit ) run("ROLLBACK");
    }
  }
  for(int i=0; i<n; i++){
    double r = median(aaTime[i], RUNS);
    printf("%-10s %-20s %9.2f ms %6.2fx", pWork->zName, pWork->aWay[i].zName,
           r*1e3, r/aaTime[0][RUNS/2]);
    if( zDoc ) printf("  memory %.2fx", (double)anMost[i]/strlen(zDoc));
    printf("\n");
    shut(aap[i]);
  }
}

int main(int nArg, char **azArg){
  if( nArg<2 ){
    fprintf(stderr, "usage: write LIBRARY [WORKLOAD [WAY]]\n");
    return 1;
  }
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 1);
  openFile(":memory:", azArg[1], 0);
  run(zSchema);
  makePersons();
  for(int i=0; i<N_WORK; i++){
    if( nArg>2 && strcmp(azArg[2], aWork[i].zName)!=0 ) continue;
    if( aWork[i].zDocSql ) zDoc = text(aWork[i].zDocSql);
    if( nArg>3 ) single(&aWork[i], &aWork[i].aWay[atoi(azArg[3])]);
    else measure(&aWork[i]);
    sqlite3_free(zDoc);
    zDoc = 0;
  }
  closeFile();
  return 0;
}
