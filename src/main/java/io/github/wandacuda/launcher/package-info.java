/**
 * The main class of the self-contained jar. It sees to it that the program runs on a Java that has
 * the Vector API, which no manifest can ask for; {@link io.github.wandacuda.launcher.Launcher}
 * tells how. All of this package runs on Java 8, so that any Java can at least say what is missing.
 */
package io.github.wandacuda.launcher;
