/*
** SQLite at the other end of a pipe: what tests/cross/remote/remote.tcl runs
** on a machine that has no tclsh, so that the suite can be run there.
**
** Both directions are items: a letter, the length in decimal, a newline, and
** that many bytes.  I an integer, F the 64 bits of a double as an integer, T
** text, B a blob, N NULL.  A request is an item # with the number of items that
** follow, the first two being a command and a connection; an answer ends with
** an item E (the extended code, 0 if all is well) whose text is the message.
** In between it holds
**   C n      n column names follow; then come rows, n values each
**   Q n      a callback asks: n texts follow; one item is read as the answer
*/
#include "sqlite3.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
# include <fcntl.h>
# include <io.h>
#endif

typedef sqlite3_int64 i64;
typedef struct Item { char type; int n; char *z; } Item;

#define N_DB 64
static sqlite3 *aDb[N_DB];

/* ------------------------------------------------------------- items ----- */

static void put(char type, const char *z, i64 n){
  char zHead[40];
  sqlite3_snprintf(sizeof(zHead), zHead, "%c%lld\n", type, n);
  fwrite(zHead, 1, strlen(zHead), stdout);
  fwrite(z, 1, (size_t)n, stdout);
}

static void putText(char type, const char *z){
  if( z==0 ) z = "";
  put(type, z, (i64)strlen(z));
}

static void putInt(char type, i64 i){
  char z[40];
  sqlite3_snprintf(sizeof(z), z, "%lld", i);
  putText(type, z);
}

static void end(int rc, const char *z){
  char *zText = sqlite3_mprintf("%d %s", rc, z ? z : "");
  putText('E', zText);
  sqlite3_free(zText);
  fflush(stdout);
}

static Item get(void){
  Item item = { 0, 0, 0 };
  int c = getchar();
  if( c==EOF ) exit(0);
  item.type = (char)c;
  while( (c = getchar())>='0' && c<='9' ) item.n = item.n*10 + (c - '0');
  item.z = malloc((size_t)item.n + 1);
  if( item.z==0 ) exit(1);
  if( fread(item.z, 1, (size_t)item.n, stdin)!=(size_t)item.n ) exit(1);
  item.z[item.n] = 0;
  return item;
}

static i64 toInt(const char *z){
  i64 i = 0;
  int bNeg = *z=='-';
  for(z += bNeg; *z; z++) i = i*10 + (bNeg ? -(*z - '0') : *z - '0');
  return i;
}

/* --------------------------------------------------------- callbacks ----- */

static int ask(const char *z0, const char *z1, const char *z2, const char *z3,
               const char *z4, const char *z5){
  const char *az[6];
  Item item;
  int rc;
  az[0] = z0; az[1] = z1; az[2] = z2; az[3] = z3; az[4] = z4; az[5] = z5;
  putInt('Q', 6);
  for(int i=0; i<6; i++) putText('T', az[i]);
  fflush(stdout);
  item = get();
  rc = (int)toInt(item.z);
  free(item.z);
  return rc;
}

static int onProgress(void *pArg){
  (void)pArg;
  return ask("progress", 0, 0, 0, 0, 0);
}

static int onAuthorize(void *pArg, int code, const char *z1, const char *z2,
                       const char *z3, const char *z4){
  char zCode[20];
  (void)pArg;
  sqlite3_snprintf(sizeof(zCode), zCode, "%d", code);
  return ask("authorizer", zCode, z1, z2, z3, z4);
}

static int onTrace(unsigned int type, void *pArg, void *p, void *x){
  (void)type;
  (void)pArg;
  (void)p;
  return ask("trace", (const char*)x, 0, 0, 0, 0);
}

/* --------------------------------------------------------------- SQL ----- */

static void bind(sqlite3_stmt *pStmt, const Item *a, int n){
  for(int i=1; i<=sqlite3_bind_parameter_count(pStmt); i++){
    const char *zName = sqlite3_bind_parameter_name(pStmt, i);
    for(int j=0; zName && j+1<n; j += 2){
      const Item *p = &a[j+1];
      if( strcmp(a[j].z, zName) ) continue;
      if( p->type=='T' ){
        sqlite3_bind_text(pStmt, i, p->z, p->n, SQLITE_STATIC);
      }else if( p->type=='B' ){
        sqlite3_bind_blob(pStmt, i, p->z, p->n, SQLITE_STATIC);
      }else if( p->type=='I' ){
        sqlite3_bind_int64(pStmt, i, toInt(p->z));
      }else if( p->type=='F' ){
        i64 bits = toInt(p->z);
        double r;
        memcpy(&r, &bits, 8);
        sqlite3_bind_double(pStmt, i, r);
      }
    }
  }
}

static void putValue(sqlite3_stmt *pStmt, int i){
  double r;
  i64 bits;
  switch( sqlite3_column_type(pStmt, i) ){
    case SQLITE_INTEGER:
      putInt('I', sqlite3_column_int64(pStmt, i));
      break;
    case SQLITE_FLOAT:
      r = sqlite3_column_double(pStmt, i);
      memcpy(&bits, &r, 8);
      putInt('F', bits);
      break;
    case SQLITE_TEXT:
      putText('T', (const char*)sqlite3_column_text(pStmt, i));
      break;
    case SQLITE_BLOB: {
      const char *z = (const char*)sqlite3_column_blob(pStmt, i);
      put('B', z ? z : "", sqlite3_column_bytes(pStmt, i));
      break;
    }
    default:
      put('N', "", 0);
  }
}

/* Every statement of a script, until one fails. */
static int eval(sqlite3 *db, const char *zSql, const Item *a, int n){
  int rc = SQLITE_OK;
  while( rc==SQLITE_OK && *zSql ){
    sqlite3_stmt *pStmt = 0;
    int bNamed = 0;
    rc = sqlite3_prepare_v2(db, zSql, -1, &pStmt, &zSql);
    if( rc!=SQLITE_OK || pStmt==0 ) continue;
    bind(pStmt, a, n);
    while( sqlite3_step(pStmt)==SQLITE_ROW ){
      int nCol = sqlite3_column_count(pStmt);
      if( !bNamed ){
        putInt('C', nCol);
        for(int i=0; i<nCol; i++) putText('T', sqlite3_column_name(pStmt, i));
      }
      bNamed = 1;
      for(int i=0; i<nCol; i++) putValue(pStmt, i);
    }
    rc = sqlite3_finalize(pStmt);
  }
  return rc;
}

/* ---------------------------------------------------------- commands ----- */

static void answerInt(i64 i){
  putInt('I', i);
  end(0, 0);
}

static void command(const Item *a, int n){
  const char *zName = a[0].z;
  int iDb = (int)toInt(a[1].z) % N_DB;
  sqlite3 *db = aDb[iDb];
  i64 i = n==3 && a[2].type=='I' ? toInt(a[2].z) : 0;
  int rc;
  if( strcmp(zName, "open")==0 ){
    rc = sqlite3_open_v2(a[2].z, &aDb[iDb], (int)toInt(a[3].z), 0);
    end(rc, sqlite3_errmsg(aDb[iDb]));
    if( rc ){
      sqlite3_close(aDb[iDb]);
      aDb[iDb] = 0;
    }
  }else if( strcmp(zName, "complete")==0 ){
    answerInt(sqlite3_complete(a[2].z));
  }else if( strcmp(zName, "version")==0 ){
    putText('T', sqlite3_libversion());
    end(0, 0);
  }else if( db==0 ){
    end(SQLITE_MISUSE, "no such connection");
  }else if( strcmp(zName, "eval")==0 ){
    rc = eval(db, a[2].z, &a[3], n-3);
    end(rc, rc ? sqlite3_errmsg(db) : 0);
  }else if( strcmp(zName, "close")==0 ){
    rc = sqlite3_close(db);
    if( rc==SQLITE_OK ) aDb[iDb] = 0;
    end(rc, rc ? sqlite3_errmsg(db) : 0);
  }else if( strcmp(zName, "errorcode")==0 ){
    answerInt(sqlite3_errcode(db));
  }else if( strcmp(zName, "changes")==0 ){
    answerInt(sqlite3_changes(db));
  }else if( strcmp(zName, "total_changes")==0 ){
    answerInt(sqlite3_total_changes(db));
  }else if( strcmp(zName, "last_insert_rowid")==0 ){
    answerInt(sqlite3_last_insert_rowid(db));
  }else if( strcmp(zName, "enable_load_extension")==0 ){
    answerInt(sqlite3_enable_load_extension(db, (int)i));
  }else if( strcmp(zName, "timeout")==0 ){
    answerInt(sqlite3_busy_timeout(db, (int)i));
  }else if( strcmp(zName, "progress")==0 ){
    sqlite3_progress_handler(db, (int)i, i ? onProgress : 0, 0);
    end(0, 0);
  }else if( strcmp(zName, "authorizer")==0 ){
    answerInt(sqlite3_set_authorizer(db, i ? onAuthorize : 0, 0));
  }else if( strcmp(zName, "trace_v2")==0 ){
    answerInt(sqlite3_trace_v2(db, i ? SQLITE_TRACE_STMT : 0,
                               i ? onTrace : 0, 0));
  }else{
    end(SQLITE_MISUSE, "no such command");
  }
}

int main(void){
#ifdef _WIN32
  _setmode(_fileno(stdin), _O_BINARY);
  _setmode(_fileno(stdout), _O_BINARY);
#endif
  for(;;){
    Item head = get();
    int n = (int)toInt(head.z);
    Item *a = malloc(sizeof(Item) * (size_t)n);
    if( a==0 || n<2 ) return 1;
    for(int i=0; i<n; i++) a[i] = get();
    command(a, n);
    for(int i=0; i<n; i++) free(a[i].z);
    free(a);
    free(head.z);
  }
}
