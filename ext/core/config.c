/*
** Settings of one connection, by name.
**
** Numbers live in Orm.aConfig in the order of aSetting; 'now' is text, in
** Orm.zNow, and stands last.
*/
#include "../orm_int.h"

static const struct Setting {
  const char *zName;
  i64 iDefault;
  i64 iMax;
  const char *zWhat;
} aSetting[] = {
  [ORM_CONFIG_LOG] =
    { "log", 0, 1, "1: orm_log collects the statements that run" },
  [ORM_CONFIG_MAX_DEPTH] =
    { "max_depth", 16, 1000, "relationships below the root of a query" },
  [ORM_CONFIG_MAX_LIMIT] =
    { "max_limit", 0, INT64_MAX, "largest limit, and the one where none is "
      "given; 0: no bound" },
  [ORM_CONFIG_MAX_CONDITIONS] =
    { "max_conditions", 0, INT64_MAX, "conditions in one query; 0: no bound" },
  [ORM_CONFIG_SCAN_MEMORY] =
    { "scan_memory", 256*1024*1024, INT64_MAX, "bytes that a whole-relation "
      "scan may hold" },
};
#define SETTING_NOW ORM_COUNT(aSetting)

void ormConfigInit(Orm *pOrm){
  for(int i=0; i<ORM_COUNT(aSetting); i++){
    pOrm->aConfig[i] = aSetting[i].iDefault;
  }
}

int ormConfigCount(void){
  return ORM_COUNT(aSetting) + 1;
}

const char *ormConfigName(int i){
  return i==SETTING_NOW ? "now" : aSetting[i].zName;
}

/* What the setting means, for the orm_config table. */
const char *ormConfigWhat(int i){
  return i==SETTING_NOW ? "the time that auto fields get; NULL: the clock"
                        : aSetting[i].zWhat;
}

void ormConfigGet(Orm *pOrm, int i, sqlite3_context *pCtx){
  if( i!=SETTING_NOW ){
    sqlite3_result_int64(pCtx, pOrm->aConfig[i]);
  }else if( pOrm->zNow ){
    sqlite3_result_text(pCtx, pOrm->zNow, -1, SQLITE_TRANSIENT);
  }
}

static const char *settingName(const void *pArg, int i){
  ORM_UNUSED(pArg);
  return i<ormConfigCount() ? ormConfigName(i) : 0;
}

int ormConfigFind(OrmErr *pErr, const char *zName){
  const char *zNear;
  if( zName==0 ) zName = "NULL";
  for(int i=0; i<ormConfigCount(); i++){
    if( strcmp(ormConfigName(i), zName)==0 ) return i;
  }
  zNear = ormNearest(zName, (i64)strlen(zName), settingName, 0);
  if( zNear ){
    ormErr(pErr, SQLITE_ERROR, "orm: no such setting: %s (did you mean %s?)",
           zName, zNear);
  }else{
    ormErr(pErr, SQLITE_ERROR, "orm: no such setting: %s (SELECT * FROM "
           "orm_config lists them)", zName);
  }
  return -1;
}

/* Does SQLite read the text as a time?  It does so with the 30th of February,
** as another day. */
static int isTime(Orm *pOrm, OrmErr *pErr, sqlite3_value *pVal){
  OrmStmt *pStmt = ormStmtTakeQuiet(pOrm, pErr, "SELECT 1 WHERE julianday(?1)"
      " IS NOT NULL AND (?1 NOT LIKE '____-__-__%' OR"
      " date(substr(?1,1,10),'+0 days') IS substr(?1,1,10))");
  int bTime = 0;
  if( pStmt ){
    ormBindValueTo(pErr, pStmt, 1, pVal);
    bTime = ormStmtStep(pOrm, pErr, pStmt);
  }
  ormStmtGive(pOrm, pErr, pStmt);
  return bTime;
}

static void setNow(Orm *pOrm, OrmErr *pErr, sqlite3_value *pVal){
  char *zNew = 0;
  if( sqlite3_value_type(pVal)!=SQLITE_NULL ){
    const char *z = (const char*)sqlite3_value_text(pVal);
    if( z==0 ){
      ormErrOom(pErr);
      return;
    }
    if( !isTime(pOrm, pErr, pVal) ){
      ormErr(pErr, SQLITE_ERROR, "orm: now: '%s' is no time (write it as "
             "YYYY-MM-DD HH:MM:SS)", z);
      return;
    }
    zNew = sqlite3_mprintf("%s", z);
    if( zNew==0 ){
      ormErrOom(pErr);
      return;
    }
  }
  sqlite3_free(pOrm->zNow);
  pOrm->zNow = zNew;
}

/* Set it; NULL brings the default back. */
void ormConfigSet(Orm *pOrm, OrmErr *pErr, int i, sqlite3_value *pVal){
  i64 iNew;
  if( i==SETTING_NOW ){
    setNow(pOrm, pErr, pVal);
    return;
  }
  if( sqlite3_value_type(pVal)==SQLITE_NULL ){
    pOrm->aConfig[i] = aSetting[i].iDefault;
    return;
  }
  iNew = sqlite3_value_int64(pVal);
  if( sqlite3_value_numeric_type(pVal)!=SQLITE_INTEGER
   || iNew<0 || iNew>aSetting[i].iMax ){
    ormErr(pErr, SQLITE_ERROR, "orm: %s: an integer from 0 to %lld is needed",
           aSetting[i].zName, aSetting[i].iMax);
    return;
  }
  pOrm->aConfig[i] = iNew;
}

/* The time for auto fields and soft deletes, in UTC. */
void ormNow(Orm *pOrm, OrmErr *pErr, char z[32], int bMillis){
  OrmStmt *pStmt;
  z[0] = 0;
  pStmt = ormStmtTakeQuiet(pOrm, pErr, "SELECT strftime(?1, ?2)");
  if( pStmt==0 ) return;
  ormBindTextTo(pErr, pStmt, 1, bMillis ? "%Y-%m-%d %H:%M:%f"
                                        : "%Y-%m-%d %H:%M:%S", -1);
  ormBindTextTo(pErr, pStmt, 2, pOrm->zNow ? pOrm->zNow : "now", -1);
  if( ormStmtStep(pOrm, pErr, pStmt) ){
    const char *zTime = (const char*)sqlite3_column_text(pStmt->p, 0);
    if( zTime ) sqlite3_snprintf(32, z, "%s", zTime);
    else ormErrOom(pErr);
  }
  ormStmtGive(pOrm, pErr, pStmt);
}
