/** A connection of better-sqlite3, libsql, node:sqlite, bun:sqlite... */
interface Connection {
  loadExtension(path: string): unknown;
}
/** The path of the library for this platform; throws where there is none. */
declare function getLoadablePath(): string;
/** Load the extension into a connection. */
declare function load(db: Connection): void;
declare const orm: {
  getLoadablePath: typeof getLoadablePath;
  load: typeof load;
};
export = orm;
