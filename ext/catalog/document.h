/*
** The document of orm_define, orm_schema, orm_diff and orm_migrate: read,
** checked for its shape, with the tables that it asks for as SQL.  Only
** ext/catalog/ reads this.
**
** A document is trusted as SQL is: what it says of columns, constraints and
** indexes is SQL text.  But each table is one CREATE TABLE, prepared by
** itself, whose columns must be those that the document names; so a piece that
** is no column definition is an error, never another statement.
*/
#ifndef ORM_DOCUMENT_H
#define ORM_DOCUMENT_H
#include "ddl.h"

typedef struct OrmDoc OrmDoc;
typedef struct OrmDocModel OrmDocModel;
typedef struct OrmDocTable OrmDocTable;
typedef struct OrmDocIndex OrmDocIndex;
typedef struct OrmDocLink OrmDocLink;
typedef struct OrmDocRename OrmDocRename;
struct OrmDocIndex {
  const OrmJson *pNode;
  const char *zName;
  const char *zSql;             /* CREATE [UNIQUE] INDEX main."x" ON ..       */
  OrmDdlIndex *pDdl;
};
struct OrmDocTable {
  const OrmJson *pNode;         /* its columns, or the secondary's name       */
  const char *zName;
  const char *zBody;            /* "(..) options"                             */
  OrmDdl *pDdl;                 /* 0: no valid CREATE TABLE                   */
};
struct OrmDocModel {
  const OrmJson *pNode;
  const char *zName, *zTable;
  OrmDocTable *pTable;          /* 0: without columns                         */
  const char *zWas;             /* the model of the file that it is, or 0     */
  const OrmJson *pHolds;        /* what holds of it now; ormDocHolds()        */
  int nIndex; OrmDocIndex *aIndex;
};
struct OrmDoc {
  Orm *pOrm;
  OrmErr *pErr;
  OrmArena *pArena;
  const OrmJson *pRoot;
  int nModel; OrmDocModel *aModel;
  OrmDocLink *pLink;            /* link tables to make, in order              */
  OrmDocRename *pRename;        /* diff.c: names that are to change           */
};
/* What holds is reckoned as if these were done: names of models, tables,
** columns, relationships. */
struct OrmDocRename {
  OrmDocRename *pNext;
  const char *zOld, *zNew;
  const char *zModel;           /* of a relationship of this model; or 0      */
};

void ormDocTableParse(OrmDoc*, OrmDocTable*);         /* zBody to pDdl        */

/* "REFERENCES t" in a table's clauses becomes "REFERENCES t(key)", as the
** document or the file has t, so that both wordings are the same. */
void ormDocExpand(OrmDoc*, OrmDdl*);

/* Read and check; errors in the arena's pErr.  The text must stay. */
OrmDoc *ormDocParse(Orm*, OrmArena*, const char *z, i64 n);
OrmDocModel *ormDocModel(const OrmDoc*, const char *zName);         /* or 0   */
OrmDocModel *ormDocByTable(const OrmDoc*, const char *zTable);
const char *ormDocFileTable(OrmDoc*, const char *zModel, const char **pzKey);
/* The name that a part of the document has in the file, its own or the one that
** it is renamed from; 0: it is new.  xThere: does the file have that name? */
typedef int (*OrmDocThere)(void*, const char *zName);
const char *ormDocWas(const OrmJson*, OrmDocThere, void*);
/* A part of a part of a model: "relationships", "posts"; 0: not there. */
const OrmJson *ormDocPart(const OrmDocModel*, const char *zPart,
                          const char *zName);

/* secondary.c: a link table that is not there and that no model declares, for
** the relationship pRel of pModel: kept in the document, so that the same
** table is made once.  0: there is such a table, or an error. */
struct OrmDocLink {
  OrmDocLink *pNext;
  const OrmJson *pRel;          /* the first relationship that names it       */
  OrmDocTable table;
  const char *zIndexSql;        /* CREATE INDEX for the way back              */
  const char *zIndexName;
  int nLocal, nRemote;          /* columns of the model's key and the         */
  const char *azLocal[ORM_MAX_KEY], *azRemote[ORM_MAX_KEY]; /* target's       */
};
OrmDocLink *ormDocLink(OrmDoc*, OrmDocModel*, const OrmJson *pRel);
void ormDocLinks(OrmDoc*);      /* all of the document                        */
/* The cells secondary_local and secondary_remote that a relationship to its
** own model needs over a link table that was made: 1 and both as text. */
int ormDocLinkCells(OrmDoc*, const OrmJson *pRel, const char **pzLocal,
                    const char **pzRemote);

/* define.c: run one statement, errors at a node; read all models of the
** document back as any reader would, errors at their place. */
void ormDocExec(OrmDoc*, const OrmJson*, const char *zSql);
void ormDocCheck(OrmDoc*, OrmOrderCheck);

/* rows.c: the rows of metadata that the document asks for and the file does
** not have so, as one statement each, to xRow. */
typedef struct OrmDocRows OrmDocRows;
struct OrmDocRows {
  void (*xRow)(void*, const char *zKind, const char *zModel,
               const char *zSubject, const char *zSql, const OrmJson *pNode);
  void *pArg;
  u8 bWhole;                    /* what the document leaves out goes          */
  u8 bRaw;                      /* what is inferred now may not be later      */
};
void ormDocHolds(OrmDoc*);      /* fills pHolds                               */
void ormDocRename(OrmDoc*, const char *zModel, const char *zOld,
                  const char *zNew);
void ormDocRows(OrmDoc*, const OrmDocModel*, const OrmDocRows*);
/* The relationship of the file that one of the document is: its own name, or
** renamed_from where that is there; 0: new. */
const char *ormDocRelWas(OrmDoc*, const OrmDocModel*, const OrmJson *pRel);

/* The cells of a row of metadata in the words of the document: the columns
** of orm_model, orm_field, orm_relationship that a document can give. */
typedef struct OrmDocCell OrmDocCell;
struct OrmDocCell {
  const char *zName;            /* the member and the column                  */
  u8 eShape;                    /* ORM_CELL_*                                 */
  u8 bInferred;                 /* when left out: inferred from the schema    */
};
enum {
  ORM_CELL_TEXT,                /* a string                                   */
  ORM_CELL_NAME,                /* a string that may be empty                 */
  ORM_CELL_NAMES,               /* a name or an array of names                */
  ORM_CELL_ORDER,               /* a string or an array                       */
  ORM_CELL_FLAG,                /* true, false, 0, 1                          */
  ORM_CELL_PASSIVE              /* as FLAG, or "all"                          */
};
extern const OrmDocCell ormDocModelCell[], ormDocFieldCell[], ormDocRelCell[];
/* The value of a cell as the tables hold it: text, or 0 for NULL; flags are
** the text "0" and "1". */
const char *ormDocCellText(OrmArena*, const OrmDocCell*, const OrmJson*);
/* Do two values of a cell mean the same? */
int ormDocCellSame(OrmArena*, const OrmDocCell*, const OrmJson*,
                   const OrmJson*);

#endif /* ORM_DOCUMENT_H */
