/** The commands, a class for each, the options that they share, and what they print. */
package io.github.wandacuda.cli;
