/**
 * Threads, processes and signals: services of the operating system and the running Java. Compiled
 * for the Java version that the program runs on.
 */
package io.github.wandacuda.system;
