package io.github.wandacuda.testing.backend;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ArgumentsSource;

/**
 * A class of tests of an operation, which runs on each backend. Where the property {@code
 * tested.backends} says {@code cpu}, {@code gpu}, {@code cuda} or {@code opencl} it runs on those
 * alone: Maven runs it once with each of the first two, since GPUs come with a driver that other
 * tests must not find.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Tag("operation")
@ParameterizedClass(name = "{0}")
@ArgumentsSource(TestedBackends.class)
public @interface EachBackend {
  /** Returns which variants of backends run the class too, beside the backends. */
  TestedBackend[] variants() default {};
}
