/**
 * Options in groups that several commands share: each reads its own, checks that they don't
 * contradict each other, and opens what they name.
 */
package io.github.wandacuda.cli.option;
