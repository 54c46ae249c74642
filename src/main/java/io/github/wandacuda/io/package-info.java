/**
 * Reading of files that nobody vouches for, and writing so that a name never stands for half a
 * file.
 */
package io.github.wandacuda.io;
