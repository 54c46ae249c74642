/** The commands, a class for each, and what they print. */
package io.github.wandacuda.cli;
