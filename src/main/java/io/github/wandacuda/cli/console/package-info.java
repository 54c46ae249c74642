/** What the program prints beside results: its streams, progress, errors and exit codes. */
package io.github.wandacuda.cli.console;
