'use strict';
const path = require('path');
const libraries = { darwin: 'orm.dylib', win32: 'orm.dll' };

// The path of the library for this platform.
function getLoadablePath() {
  const name = `orm-sqlite-${process.platform}-${process.arch}`;
  let found;
  try {
    found = require.resolve(`${name}/package.json`);
  } catch (error) {
    throw new Error(`orm: no library for this platform (${name} is not installed)`);
  }
  return path.join(path.dirname(found), libraries[process.platform] || 'orm.so');
}

// Load it into a connection that has loadExtension(path).
function load(db) {
  db.loadExtension(getLoadablePath());
}

module.exports = { getLoadablePath, load };
