/*
** The steps that lead from the file to a document: what diff.c and rebuild.c
** find and migrate.c carries out.  Only ext/catalog/ reads this.
**
** A step is one change with the SQL that makes it.  A table that has to be
** rebuilt is one step of several rows: the first has the SQL, the others say
** what changes.  Running the SQL of all rows in order makes the file what the
** document says.
*/
#ifndef ORM_DIFF_H
#define ORM_DIFF_H
#include "document.h"

typedef struct OrmStep OrmStep;
struct OrmStep {
  OrmStep *pNext;
  int iStep;
  const char *zKind, *zModel, *zSubject;
  const char *zSql;             /* statements, each ended by ";\n"; or 0      */
  const OrmJson *pNode;         /* what of the document it is about, or 0     */
  const char *zHint;            /* destructive: the rename it may be, or 0    */
  u8 bDestructive;
  u8 bRename;                   /* what follows is reckoned as if it was done */
};
typedef struct OrmDiff OrmDiff;
struct OrmDiff {
  OrmDoc *pDoc;
  Orm *pOrm;
  OrmErr *pErr;
  OrmArena *pArena;
  u8 bKeep;                     /* models that are not named stay             */
  int nStep;
  OrmStep *pFirst, **ppLast;
  u8 bKeys;                     /* some foreign key comes or goes             */
  u8 eBroken;                   /* rebuild.c: 0 not asked, 1 no, 2 yes        */
};

typedef struct OrmRename OrmRename;
struct OrmRename {              /* a table, and a column of it or 0           */
  OrmRename *pNext;
  const char *zOld, *zNew;      /* tables                                     */
  const char *zOldColumn, *zNewColumn;
};

/* A new step; bMore: a further row of the last one. */
OrmStep *ormStepNew(OrmDiff*, int bMore, const char *zKind, const char *zModel,
                    const char *zSubject, const char *zSql);
/* The name as SQL writes it, in the arena. */
const char *ormQuoted(OrmArena*, const char *zName);

/* rebuild.c: the columns, constraints and options of a table, by ALTER TABLE
** or by a rebuild.  pNow is the table as it is, renames done. */
void ormDiffTable(OrmDiff*, const OrmDocModel*, const OrmDdl *pNow,
                  const char *zNow);

/* The column that is the rowid, or -1. */
int ormDiffRowid(const OrmDdl*);

/* Does an index of the table stay as it is? */
int ormDiffIndexStays(OrmDiff*, const OrmDocModel*, const OrmDdlIndex*);

/* sound.c: the views and triggers of the file that work, in the arena; an
** error for one that does no more; is there one that does not work? */
typedef struct OrmSound OrmSound;
OrmSound *ormSoundRead(Orm*, OrmErr*, OrmArena*);
void ormSoundCheck(Orm*, OrmErr*, const OrmSound*);
int ormSoundBroken(Orm*, OrmErr*, OrmArena*);

/* follow.c: the statements that carry the new name of a column to the metadata
** that has the old one; the orders that name what is renamed, added to the last
** step, when all before it are renames. */
const char *ormFollowColumn(OrmDiff*, const OrmDocModel*, const char *zOld,
                            const char *zNew);
void ormFollowOrders(OrmDiff*, const OrmRename*);

/* working.c: the models and relationships that work, in the arena; an error for
** one that does no more.  The tables of metadata are there. */
typedef struct OrmWorking OrmWorking;
OrmWorking *ormWorkingRead(Orm*, OrmErr*, OrmArena*, OrmOrderCheck);
void ormWorkingCheck(Orm*, OrmErr*, const OrmWorking*, OrmOrderCheck);

/* dangling.c: the rows that break a foreign key now, in the arena; an error if
** others do. */
typedef struct OrmDangling OrmDangling;
OrmDangling *ormDanglingRead(Orm*, OrmErr*, OrmArena*);
void ormDanglingCheck(Orm*, OrmErr*, const OrmDangling*);

/* diff.c: all steps. */
void ormDiffSteps(OrmDiff*, OrmDoc*, int bKeep);

#endif /* ORM_DIFF_H */
