/** Options that commands share. */
package io.github.wandacuda.cli.option;
