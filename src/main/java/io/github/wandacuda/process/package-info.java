/**
 * What the launcher needs of the operating system and of the running Java, in code for the Java
 * version that the program runs on: {@link io.github.wandacuda.process.ThisRuntime} says what this
 * Java has, {@link io.github.wandacuda.process.ProcessReplacement} turns this process into another
 * program, {@link io.github.wandacuda.process.ParentTie} ends this process when its parent ends.
 */
package io.github.wandacuda.process;
