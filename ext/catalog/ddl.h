/*
** CREATE TABLE and CREATE INDEX taken apart: what define, schema, check, diff
** and migrate share.  Only ext/catalog/ reads it.
**
** A table is its columns, each with the text of its definition, and clauses:
** one for each thing that the text says, in a canonical wording, so that two
** tables can be compared whatever the case, spacing, quoting and the order of
** what they say.  A table constraint over one column is a clause of that
** column; the names of constraints, and words that say what holds anyway, are
** no clauses.
*/
#ifndef ORM_DDL_H
#define ORM_DDL_H
#include "../orm_int.h"

enum {                          /* in the order of ddl.c's words              */
  ORM_DDL_TYPE, ORM_DDL_PRIMARY, ORM_DDL_NOT_NULL, ORM_DDL_UNIQUE,
  ORM_DDL_DEFAULT, ORM_DDL_COLLATE, ORM_DDL_REFERENCES, ORM_DDL_GENERATED,
  ORM_DDL_CHECK
};
typedef struct OrmDdl OrmDdl;
typedef struct OrmDdlColumn OrmDdlColumn;
typedef struct OrmDdlClause OrmDdlClause;
struct OrmDdlColumn {
  const char *zName;
  const char *zWas;             /* as it is called now (diff.c renames)       */
  const char *zDef;             /* what follows the name                      */
  const char *zType;            /* of it: the type as written, or ""          */
  const char *zDefault;         /* its default as an expression, or 0         */
};
struct OrmDdlClause {
  int eKind;                    /* ORM_DDL_*                                  */
  int iColumn;                  /* -1: of the table                           */
  int iOrigin;                  /* column whose definition says it, or -1     */
  const char *zText;            /* canonical                                  */
};
struct OrmDdl {
  int nColumn; OrmDdlColumn *aColumn;
  int nConstraint; const char **azConstraint; /* as written                   */
  int nClause; OrmDdlClause *aClause;
  const char *zOptions;         /* "STRICT, WITHOUT ROWID" as written, or ""  */
  u8 bStrict, bWithoutRowid, bAutoincrement;
  int nKey; int *aKey;          /* columns of the primary key, in key order   */
  int nColumnAlloc, nConstraintAlloc, nClauseAlloc, nKeyAlloc;
};

typedef struct OrmDdlIndex OrmDdlIndex;
struct OrmDdlIndex {
  const char *zName;
  int nTerm; const char **azTerm;            /* as written; a bare column:    */
  const char **azColumn;                     /*   its name, else 0            */
  const char *zWhere;                        /* or 0                          */
  const char *zCanonical;
  u8 bUnique;
};

/* 0 if the text is no such statement, or out of memory (arena's pErr). */
OrmDdl *ormDdlTable(OrmArena*, const char *zSql);
OrmDdlIndex *ormDdlIndex(OrmArena*, const char *zSql);
/* The model of CREATE VIRTUAL TABLE .. USING orm(model); 0: it is none. */
const char *ormDdlModelTable(OrmArena*, const char *zSql);
/* Canonical wording of any piece of SQL. */
const char *ormDdlCanonical(OrmArena*, const char *zSql);
/* The body of a CREATE TABLE, without the table's name before its columns, so
** that it can be another table's. */
const char *ormDdlBare(OrmArena*, const char *zBody, const char *zTable);
/* CREATE INDEX or TRIGGER, as the file has it, of what is in main; a trigger as
** TEMP has it, on a table in main. */
const char *ormDdlInMain(OrmArena*, const char *zSql);
const char *ormDdlTempTrigger(OrmArena*, const char *zSql);
/* What is wrong with a piece that is to stand in a list between commas; 0 if
** it is one piece: nothing of it can end the list or the statement. */
const char *ormDdlPiece(OrmArena*, const char *zPiece);
int ormDdlColumn(const OrmDdl*, const char *zName);  /* ignoring case, or -1  */
/* The first clause of pA's column iA (-1: the table) that pB's iB lacks; 0 if
** there is none. */
const OrmDdlClause *ormDdlMissing(
  const OrmDdl *pA, int iA, const OrmDdl *pB, int iB
);
/* A table as the file has it; 0: there is none, or it cannot be read. */
OrmDdl *ormDdlOfTable(Orm*, OrmArena*, const char *zTable);
/* schema.c: the document's words for a model of the table as it is, but for an
** integer key zKey in front of its columns. */
void ormSchemaKeyed(OrmErr*, OrmBuf*, const char *zTable, const OrmDdl*,
                    const char *zKey);

#endif /* ORM_DDL_H */
