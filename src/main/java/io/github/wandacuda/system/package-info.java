/**
 * Threads, processes and signals: what is needed of the operating system and of the running Java,
 * in code for the Java version that the program runs on.
 */
package io.github.wandacuda.system;
