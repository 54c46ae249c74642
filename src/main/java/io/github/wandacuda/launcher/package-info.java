/**
 * The main class of the self-contained jar. It runs the program in a JVM that has the Vector API,
 * which no manifest can request; {@code VectorStart} says how. The main class itself loads on Java
 * 8, so that any Java can at least say what is missing.
 */
package io.github.wandacuda.launcher;
