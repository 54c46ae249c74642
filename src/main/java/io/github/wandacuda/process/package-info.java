/**
 * What is needed of the operating system and of the running Java, in code for the Java version that
 * the program runs on: {@link io.github.wandacuda.process.ThisRuntime} says what this Java has,
 * {@link io.github.wandacuda.process.ProcessReplacement} turns this process into another program,
 * {@link io.github.wandacuda.process.ParentTie} ends this process when its parent ends, {@link
 * io.github.wandacuda.process.SignalHandlers} keeps the JVM's signal handlers.
 */
package io.github.wandacuda.process;
