/**
 * Makes the archive of classes with which the program starts sooner, in processes of their own
 * after a run.
 */
package io.github.wandacuda.cli.archive;
