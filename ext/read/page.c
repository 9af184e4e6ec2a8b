/*
** orm_page(): a page of objects, and what it takes to ask for the next one.
**
**     {"items": [..], "page_info": {"start_cursor", "end_cursor", "has_next",
**      "has_previous"}, "total": n}
**
** has_next and has_previous are about the query's objects without cursors:
** is there one after the page's last, one before its first?  That is asked of
** the file, unless the page itself tells.  A page without objects stands where
** its cursor stands: after it, or before it.
*/
#include "../orm_int.h"

typedef struct Page Page;
struct Page {
  Orm *pOrm;
  OrmErr *pErr;
  const OrmQuery *pQuery;
  OrmArena arena;
  OrmBuf start, end;            /* cursors; empty: no objects                 */
  i64 nItem;
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

/* Is there an object before the first one?  Not before the first of all. */
static int hasPrevious(Page *p){
  const OrmQuery *pQuery = p->pQuery;
  const OrmCursor *pStart;
  if( p->nItem>0 ){
    if( pQuery->bLast ? p->nItem<pQuery->iLimit && pQuery->iLimit>=0
                      : pQuery->pAfter==0 && pQuery->iOffset==0 ) return 0;
    pStart = cursorOf(p, &p->start);
    return pStart && existsBetween(p, 0, pStart, 0);
  }
  if( pQuery->bLast ){
    return pQuery->iLimit==0 && existsBetween(p, 0, pQuery->pBefore, 0);
  }
  if( pQuery->pAfter && existsBetween(p, pQuery->pAfter, 0, ORM_NOT_AFTER) ){
    return 1;
  }
  return pQuery->iOffset>0 && pQuery->iLimit!=0
      && existsBetween(p, pQuery->pAfter, pQuery->pBefore, 0);
}

/* Is there an object after the last one?  Not after a page that was not filled,
** unless it ended at a cursor. */
static int hasNext(Page *p){
  const OrmQuery *pQuery = p->pQuery;
  const OrmCursor *pEnd;
  if( p->nItem>0 ){
    if( pQuery->pBefore==0 && (pQuery->iLimit<0 || p->nItem<pQuery->iLimit) ){
      return 0;
    }
    pEnd = cursorOf(p, &p->end);
    return pEnd && existsBetween(p, pEnd, 0, 0);
  }
  if( pQuery->bLast && pQuery->iLimit>0 ) return existsBetween(p, 0, 0, 0);
  if( pQuery->iLimit==0 && !pQuery->bLast ){
    return existsBetween(p, pQuery->pAfter, 0, 0);
  }
  return pQuery->pBefore
      && existsBetween(p, pQuery->pAfter, pQuery->pBefore, ORM_NOT_BEFORE);
}

/* The objects, between brackets, and the cursors of the first and the last. */
static void pageItems(Page *p, OrmPlan *pPlan, OrmBuf *pOut){
  OrmStream *pStream = ormStreamOpen(p->pOrm, p->pErr, pPlan);
  ormBufChar(pOut, '[');
  while( pStream && ormStreamNext(pStream, p->pErr) ){
    i64 n = 0;
    const char *z = ormStreamObject(pStream, p->pErr, &n);
    if( z==0 ) break;
    if( p->nItem ) ormBufChar(pOut, ',');
    ormBufAdd(pOut, z, n);
    if( p->nItem++==0 ) ormStreamCursor(pStream, p->pErr, &p->start);
    ormBufReset(&p->end);
    ormStreamCursor(pStream, p->pErr, &p->end);
  }
  ormStreamClose(pStream);
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
  ormBufFree(&page.end);
  ormArenaFree(&page.arena);
}
