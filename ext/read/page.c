/*
** orm_page(): a page of objects, and what it takes to ask for the next one.
**
**     {"items": [..], "page_info": {"start_cursor", "end_cursor", "has_next",
**      "has_previous"}, "total": n}
**
** has_next and has_previous are about the query's objects without cursors:
** is there one after the page's last, one before its first?  One side is told
** by an object more than the limit (OrmQuery.bMore), which is not shown; the
** other by its being the first page, or else by the file.  A page without
** objects stands where its cursor stands: after it, or before it.
*/
#include "load.h"

typedef struct Place Place;
struct Place {                  /* of an object in the order                  */
  OrmCursor cursor;
  OrmBuf text;                  /* bytes of its values                        */
};

typedef struct Page Page;
struct Page {
  Orm *pOrm;
  OrmErr *pErr;
  OrmPlan *pPlan;
  const OrmQuery *pQuery;
  OrmArena arena;
  Place start, second, end;     /* as far as there are so many                */
  i64 nItem;
  i64 nFirst;                   /* bytes of the first object                  */
  u8 bMore;                     /* the limit left objects out                 */
};

/* ------------------------------------------------------------------------
** Places
*/
static void placeInit(Page *p, Place *pPlace){
  int n = p->pQuery->nOrder;
  ormBufInit(&pPlace->text, p->pErr);
  pPlace->cursor.n = n;
  pPlace->cursor.a = ormArenaAlloc(&p->arena, (i64)sizeof(struct OrmBind)*n);
}

/* Keep the values a. */
static void placeSet(Place *pPlace, const struct OrmBind *a){
  struct OrmBind *aTo = pPlace->cursor.a;
  const char *z;
  if( a==0 ) return;
  ormBufReset(&pPlace->text);
  for(int i=0; i<pPlace->cursor.n; i++){
    aTo[i] = a[i];
    if( ormBindIsBytes(&a[i]) ) ormBufAdd(&pPlace->text, a[i].u.z, a[i].n);
  }
  z = ormBufText(&pPlace->text);
  for(int i=0; i<pPlace->cursor.n; i++){
    if( !ormBindIsBytes(&aTo[i]) ) continue;
    aTo[i].u.z = z;
    z += aTo[i].n;
  }
}

/* Which values are NULL; ~0 if that is not to be told in a word. */
static u64 nullMask(const OrmCursor *p){
  u64 m = 0;
  if( p->n>=64 ) return ~(u64)0;
  for(int i=0; i<p->n; i++) m |= (u64)(p->a[i].eType==SQLITE_NULL)<<i;
  return m;
}

/* ------------------------------------------------------------------------
** Is there an object?
*/
static int ask(Page *p, const char *zSql, i64 nSql, const OrmBinds *pBinds){
  OrmStmt *pStmt = ormStmtTake(p->pOrm, p->pErr, zSql, nSql);
  int bFound;
  ormBindAll(p->pErr, pStmt, 1, pBinds);
  bFound = ormStmtStep(p->pOrm, p->pErr, pStmt)
        && sqlite3_column_int(pStmt->p, 0);
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  return bFound;
}

/* Is there one between two cursors (or 0), or not on that side?  The statement
** is kept as pKeep (or 0). */
static int existsBetween(
  Page *p, const OrmCursor *pAfter, const OrmCursor *pBefore, int mNot,
  OrmFetch *pKeep
){
  OrmQuery query = *p->pQuery;
  OrmSql sql;
  int bFound = 0;
  if( p->pErr->rc ) return 0;
  query.pAfter = pAfter;
  query.pBefore = pBefore;
  query.bLast = pAfter==0;
  ormSqlInit(&sql, p->pOrm, pKeep ? &p->pPlan->arena : &p->arena, 1);
  ormExistsSql(&sql, &query, mNot);
  if( pKeep && p->pPlan->err.rc==SQLITE_OK ){
    pKeep->binds = sql.binds;
    pKeep->nSql = sql.buf.n;
    pKeep->zSql = ormArenaText(&p->pPlan->arena, sql.buf.z, sql.buf.n);
  }
  ormPlanLeave(p->pPlan, p->pErr);
  if( p->pErr->rc==SQLITE_OK ){
    bFound = ask(p, ormBufText(&sql.buf), sql.buf.n, &sql.binds);
  }
  ormSqlFree(&sql);
  return bFound;
}

/* Is there one before or after a place?  Asked of nearly every page, so the
** plan keeps the statement for cursors with NULLs where the first had them. */
static int existsBeyond(Page *p, const OrmCursor *pCursor, int bBefore){
  OrmFetch *pFetch = &p->pPlan->pRoot->aFetch[bBefore ? ORM_FETCH_BEFORE
                                                      : ORM_FETCH_AFTER];
  const OrmCursor *pAfter = bBefore ? 0 : pCursor;
  const OrmCursor *pBefore = bBefore ? pCursor : 0;
  u64 mNull = nullMask(pCursor);
  if( p->pErr->rc ) return 0;
  if( mNull==~(u64)0 || (pFetch->zSql && pFetch->mNull!=mNull) ){
    return existsBetween(p, pAfter, pBefore, 0, 0);
  }
  if( pFetch->zSql==0 ){
    pFetch->mNull = mNull;
    return existsBetween(p, pAfter, pBefore, 0, pFetch);
  }
  ormSpanValues(&pFetch->binds, pCursor, bBefore);
  return ask(p, pFetch->zSql, pFetch->nSql, &pFetch->binds);
}

/* Is there an object before the first one? */
static int hasPrevious(Page *p){
  const OrmQuery *pQuery = p->pQuery;
  const OrmCursor *pAfter = pQuery->pAfter;
  if( pQuery->bLast ) return p->bMore;
  if( p->nItem>0 ){
    if( pAfter==0 && pQuery->iOffset==0 ) return 0;
    return existsBeyond(p, &p->start.cursor, 1);
  }
  if( pAfter && existsBetween(p, pAfter, 0, ORM_NOT_AFTER, 0) ) return 1;
  return pQuery->iOffset>0
      && existsBetween(p, pAfter, pQuery->pBefore, 0, 0);
}

/* Is there an object after the last one? */
static int hasNext(Page *p){
  const OrmQuery *pQuery = p->pQuery;
  const OrmCursor *pBefore = pQuery->pBefore;
  if( p->bMore && !pQuery->bLast ) return 1;
  if( pBefore==0 ) return 0;
  if( p->nItem>0 ) return existsBeyond(p, &p->end.cursor, 0);
  if( existsBetween(p, pQuery->pAfter, pBefore, ORM_NOT_BEFORE, 0) ) return 1;
  return pQuery->bLast && pQuery->iOffset>0
      && existsBetween(p, 0, pBefore, 0, 0);
}

/* ------------------------------------------------------------------------
** The page
*/

/* One object of the stream. */
static void pageItem(Page *p, OrmStream *pStream, OrmBuf *pOut){
  i64 n = 0;
  const char *z = ormStreamObject(pStream, p->pErr, &n);
  const struct OrmBind *a;
  if( z==0 ) return;
  if( p->nItem ) ormBufChar(pOut, ',');
  ormBufAdd(pOut, z, n);
  a = ormStreamOrder(pStream);
  if( p->nItem==0 ){
    p->nFirst = n;
    placeSet(&p->start, a);
  }else if( p->nItem==1 ){
    placeSet(&p->second, a);
  }
  placeSet(&p->end, a);
  ormPlanLeave(p->pPlan, p->pErr);
  p->nItem++;
}

/* Take the first object back out of the text from iStart on. */
static void dropFirst(Page *p, OrmBuf *pOut, i64 iStart){
  i64 nDrop = p->nFirst + (p->nItem>1);
  memmove(&pOut->z[iStart], &pOut->z[iStart + nDrop],
          (size_t)(pOut->n - iStart - nDrop));
  pOut->n -= nDrop;
  if( --p->nItem>0 ) placeSet(&p->start, p->second.cursor.a);
}

/* The objects, between brackets, and the cursors of the first and the last.  Of
** one too many, the farthest from the cursor is left out. */
static void pageItems(Page *p, OrmBuf *pOut){
  const OrmQuery *pQuery = p->pQuery;
  OrmStream *pStream = ormStreamOpen(p->pOrm, p->pErr, p->pPlan);
  i64 nMax = pQuery->iLimit>=0 ? pQuery->iLimit : INT64_MAX;
  i64 iStart;
  ormBufChar(pOut, '[');
  iStart = pOut->n;
  while( pStream && ormStreamNext(pStream, p->pErr) ){
    p->bMore = p->nItem==nMax;
    if( p->bMore && !pQuery->bLast ) break;
    pageItem(p, pStream, pOut);
  }
  ormStreamClose(pStream);
  if( p->bMore && pQuery->bLast && p->pErr->rc==SQLITE_OK ){
    dropFirst(p, pOut, iStart);
  }
  ormBufChar(pOut, ']');
}

static void addPlace(Page *p, OrmBuf *pOut, const char *zName, Place *pPlace){
  ormBufPrintf(pOut, "\"%s\":", zName);
  if( p->nItem && p->pErr->rc==SQLITE_OK ){
    ormBufChar(pOut, '"');
    ormCursorText(pOut, p->pQuery, pPlace->cursor.a);
    ormBufAdd(pOut, "\",", 2);
  }else{
    ormBufAdd(pOut, "null,", 5);
  }
}

void ormPage(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, OrmBuf *pOut){
  Page page;
  memset(&page, 0, sizeof(page));
  page.pOrm = pOrm;
  page.pErr = pErr;
  page.pPlan = pPlan;
  page.pQuery = ormPlanQuery(pPlan);
  ormArenaInit(&page.arena, pErr);
  placeInit(&page, &page.start);
  placeInit(&page, &page.second);
  placeInit(&page, &page.end);
  ormBufAdd(pOut, "{\"items\":", -1);
  pageItems(&page, pOut);
  ormBufAdd(pOut, ",\"page_info\":{", -1);
  addPlace(&page, pOut, "start_cursor", &page.start);
  addPlace(&page, pOut, "end_cursor", &page.end);
  ormBufPrintf(pOut, "\"has_next\":%s,", hasNext(&page) ? "true" : "false");
  ormBufPrintf(pOut, "\"has_previous\":%s}",
               hasPrevious(&page) ? "true" : "false");
  if( page.pQuery->bTotal ){
    ormBufPrintf(pOut, ",\"total\":%lld", ormCountTotal(pOrm, pErr, pPlan));
  }
  ormBufChar(pOut, '}');
  ormBufFree(&page.start.text);
  ormBufFree(&page.second.text);
  ormBufFree(&page.end.text);
  ormArenaFree(&page.arena);
}
