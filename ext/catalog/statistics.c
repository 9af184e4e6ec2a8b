/*
** What ANALYZE has found: how many rows a table has, and how many of them
** belong to one value of some columns.  For estimates only; without ANALYZE
** they are what SQLite assumes itself.
*/
#include "../orm_int.h"
#include <stdlib.h>

#define ROWS_PER_VALUE 10       /* of an index that nobody has counted        */

sqlite3_stmt *ormStatOpen(Orm *pOrm, OrmErr *pErr, const char *zTable){
  if( ormFactKind(pOrm, pErr, "sqlite_stat1")!=ORM_KIND_TABLE ) return 0;
  return ormFactOpen(pOrm, pErr,
      "SELECT stat, idx FROM main.sqlite_stat1 WHERE tbl=%Q COLLATE nocase"
      " AND typeof(stat)='text'", zTable);
}

/* The i-th number of a text of numbers; at least 1, or 0 if it is not there. */
static double statNumber(const char *z, int i){
  while( z && i-->0 ){
    z = strchr(z, ' ');
    if( z ) z++;
  }
  if( z==0 || *z<'0' || *z>'9' ) return 0;
  return *z=='0' ? 1 : strtod(z, 0);
}

double ormStatRows(Orm *pOrm, OrmErr *pErr, const char *zTable){
  double r = 0;
  sqlite3_stmt *p = ormStatOpen(pOrm, pErr, zTable);
  if( p && ormFactStep(pOrm, pErr, p) ){
    r = statNumber((const char*)sqlite3_column_text(p, 0), 0);
  }
  sqlite3_finalize(p);
  return r;
}

double ormStatFan(
  Orm *pOrm, OrmErr *pErr, const char *zTable, int n, const char *const*az
){
  double r = 0;
  sqlite3_stmt *p = ormStatOpen(pOrm, pErr, zTable);
  while( p && r<=0 && ormFactStep(pOrm, pErr, p) ){
    const char *zIndex = (const char*)sqlite3_column_text(p, 1);
    if( zIndex && ormIndexStarts(pOrm, pErr, zIndex, n, az) ){
      r = statNumber((const char*)sqlite3_column_text(p, 0), n);
    }
  }
  sqlite3_finalize(p);
  return r>0 ? r : ROWS_PER_VALUE;
}
