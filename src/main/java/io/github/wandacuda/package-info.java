/**
 * What programs that embed this library use: weight matrices in memory that somebody else owns,
 * their element types, and how much of them is pruned.
 */
package io.github.wandacuda;
