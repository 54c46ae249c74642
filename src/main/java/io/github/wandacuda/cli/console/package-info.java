/** How the program speaks: its streams, progress, errors in one line, exit codes. */
package io.github.wandacuda.cli.console;
