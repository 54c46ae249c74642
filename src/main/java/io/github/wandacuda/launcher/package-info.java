/**
 * The main class of the self-contained jar. It runs the program on a Java that has the Vector API,
 * which no manifest can request; {@link io.github.wandacuda.launcher.Launcher} says how. All of
 * this package runs on Java 8, so that any Java can at least say what is missing.
 */
package io.github.wandacuda.launcher;
