package io.github.wandacuda.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Tests that {@code mvn verify} leaves out and the profile {@code all} runs: those that prove the
 * tests, second configurations, and slow ones whose subject a quicker test has too.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@org.junit.jupiter.api.Tag("thorough")
@net.jqwik.api.Tag("thorough")
public @interface Thorough {}
