package io.github.wandacuda.testing;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;
import org.opentest4j.TestAbortedException;

/**
 * Puts the name of a parameterized test's case before the message of its failure, since Maven says
 * its number alone: {@code masksAreExact(String)[36]}. JUnit finds it as a service for all tests.
 */
public final class CaseInMessage implements TestExecutionExceptionHandler {
  @Override
  public void handleTestExecutionException(ExtensionContext context, Throwable failure)
      throws Throwable {
    String name = name(context);
    if (name.isEmpty() || failure instanceof TestAbortedException) {
      throw failure;
    }
    Throwable named =
        failure instanceof AssertionError
            ? new AssertionError("%s: %s".formatted(name, failure.getMessage()), failure)
            : new IllegalStateException("%s: %s".formatted(name, failure), failure);
    // Where it failed is what Maven's summary looks for.
    named.setStackTrace(failure.getStackTrace());
    throw named;
  }

  /** Returns the names of the cases that a test is in, of its class and its own. */
  private static String name(ExtensionContext context) {
    String outer = context.getParent().map(CaseInMessage::name).orElse("");
    return !context.getUniqueId().matches(".*-template-invocation:#\\d+\\]")
        ? outer
        : (outer + " " + context.getDisplayName()).strip();
  }
}
