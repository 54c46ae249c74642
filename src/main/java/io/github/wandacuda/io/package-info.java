/**
 * Files that are read although anybody may have made them, and written so that a name never stands
 * for half a file.
 */
package io.github.wandacuda.io;
