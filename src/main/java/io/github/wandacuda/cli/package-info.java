/** The commands, one class each, and what they print. */
package io.github.wandacuda.cli;
