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
#include "../orm_int.h"

typedef struct Page Page;
struct Page {
  Orm *pOrm;
  OrmErr *pErr;
  const OrmQuery *pQuery;
  OrmArena arena;
  OrmBuf start, second, end;    /* cursors; empty: no such object             */
  i64 nItem;
  i64 nFirst;                   /* bytes of the first object                  */
  u8 bMore;                     /* the limit left objects out                 */
};

/* Is there an object between two cursors (or 0), or not on that side? */
static int existsBetween(
  Page *p, const OrmCursor *pAfter, const OrmCursor *pBefore, int mNot
){
  OrmQuery query = *p->pQuery;
  OrmStmt *pStmt;
  OrmSql sql;
  int bFound;
  if( p->pErr->rc ) return 0;
  query.pAfter = pAfter;
  query.pBefore = pBefore;
  query.bLast = pAfter==0;
  ormSqlInit(&sql, p->pOrm, &p->arena, 1);
  ormExistsSql(&sql, &query, mNot);
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&sql.buf), sql.buf.n);
  ormBindAll(p->pErr, pStmt, 1, &sql.binds);
  bFound = ormStmtStep(p->pOrm, p->pErr, pStmt)
        && sqlite3_column_int(pStmt->p, 0);
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  ormSqlFree(&sql);
  return bFound;
}

/* A cursor of this page, read back. */
static const OrmCursor *cursorOf(Page *p, OrmBuf *pText){
  OrmJson *pNode = ormJsonPlain(&p->arena, pText->z, pText->n);
  OrmParse parse;
  ormParseInit(&parse, p->pOrm, &p->arena, 0);
  return pNode ? ormCursorParse(&parse, p->pQuery, pNode) : 0;
}

/* Is there an object before the first one? */
static int hasPrevious(Page *p){
  const OrmQuery *pQuery = p->pQuery;
  const OrmCursor *pStart;
  if( pQuery->bLast ) return p->bMore;
  if( p->nItem>0 ){
    if( pQuery->pAfter==0 && pQuery->iOffset==0 ) return 0;
    pStart = cursorOf(p, &p->start);
    return pStart && existsBetween(p, 0, pStart, 0);
  }
  if( pQuery->pAfter && existsBetween(p, pQuery->pAfter, 0, ORM_NOT_AFTER) ){
    return 1;
  }
  return pQuery->iOffset>0
      && existsBetween(p, pQuery->pAfter, pQuery->pBefore, 0);
}

/* Is there an object after the last one? */
static int hasNext(Page *p){
  const OrmQuery *pQuery = p->pQuery;
  const OrmCursor *pEnd;
  if( p->bMore && !pQuery->bLast ) return 1;
  if( pQuery->pBefore==0 ) return 0;
  if( p->nItem>0 ){
    pEnd = cursorOf(p, &p->end);
    return pEnd && existsBetween(p, pEnd, 0, 0);
  }
  if( existsBetween(p, pQuery->pAfter, pQuery->pBefore, ORM_NOT_BEFORE) ){
    return 1;
  }
  return pQuery->bLast && pQuery->iOffset>0
      && existsBetween(p, 0, pQuery->pBefore, 0);
}

/* One object of the stream. */
static void pageItem(Page *p, OrmStream *pStream, OrmBuf *pOut){
  i64 n = 0;
  const char *z = ormStreamObject(pStream, p->pErr, &n);
  if( z==0 ) return;
  if( p->nItem ) ormBufChar(pOut, ',');
  ormBufAdd(pOut, z, n);
  if( p->nItem==0 ){
    p->nFirst = n;
    ormStreamCursor(pStream, p->pErr, &p->start);
  }else if( p->nItem==1 ){
    ormStreamCursor(pStream, p->pErr, &p->second);
  }
  ormBufReset(&p->end);
  ormStreamCursor(pStream, p->pErr, &p->end);
  p->nItem++;
}

/* Take the first object back out of the text from iStart on. */
static void dropFirst(Page *p, OrmBuf *pOut, i64 iStart){
  i64 nDrop = p->nFirst + (p->nItem>1);
  memmove(&pOut->z[iStart], &pOut->z[iStart + nDrop],
          (size_t)(pOut->n - iStart - nDrop));
  pOut->n -= nDrop;
  ormBufReset(&p->start);
  ormBufAdd(&p->start, p->second.z, p->second.n);
  if( --p->nItem==0 ) ormBufReset(&p->end);
}

/* The objects, between brackets, and the cursors of the first and the last.  Of
** one too many, the farthest from the cursor is left out. */
static void pageItems(Page *p, OrmPlan *pPlan, OrmBuf *pOut){
  const OrmQuery *pQuery = p->pQuery;
  OrmStream *pStream = ormStreamOpen(p->pOrm, p->pErr, pPlan);
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

static void addText(OrmBuf *pOut, const char *zName, const OrmBuf *pText){
  ormBufPrintf(pOut, "\"%s\":", zName);
  if( pText->n ) ormJsonString(pOut, pText->z, pText->n);
  else ormBufAdd(pOut, "null", 4);
  ormBufChar(pOut, ',');
}

void ormPage(Orm *pOrm, OrmErr *pErr, OrmPlan *pPlan, OrmBuf *pOut){
  Page page;
  memset(&page, 0, sizeof(page));
  page.pOrm = pOrm;
  page.pErr = pErr;
  page.pQuery = ormPlanQuery(pPlan);
  ormArenaInit(&page.arena, pErr);
  ormBufInit(&page.start, pErr);
  ormBufInit(&page.second, pErr);
  ormBufInit(&page.end, pErr);
  ormBufAdd(pOut, "{\"items\":", -1);
  pageItems(&page, pPlan, pOut);
  ormBufAdd(pOut, ",\"page_info\":{", -1);
  addText(pOut, "start_cursor", &page.start);
  addText(pOut, "end_cursor", &page.end);
  ormBufPrintf(pOut, "\"has_next\":%s,", hasNext(&page) ? "true" : "false");
  ormBufPrintf(pOut, "\"has_previous\":%s}",
               hasPrevious(&page) ? "true" : "false");
  if( page.pQuery->bTotal ){
    ormBufPrintf(pOut, ",\"total\":%lld", ormCountTotal(pOrm, pErr, pPlan));
  }
  ormBufChar(pOut, '}');
  ormBufFree(&page.start);
  ormBufFree(&page.second);
  ormBufFree(&page.end);
  ormArenaFree(&page.arena);
}
