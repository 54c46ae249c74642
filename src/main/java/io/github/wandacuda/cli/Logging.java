package io.github.wandacuda.cli;

/**
 * Chooses slf4j-simple and sets it up, which reads its settings once, when the first logger is
 * made. All of it is done here and by properties, since a file or a service in the jar would take
 * over the logging of any program that has this jar in its class path.
 */
final class Logging {
  private static final String PREFIX = "org.slf4j.simpleLogger.";

  private Logging() {}

  public static void configure(boolean quiet, boolean verbose) {
    setDefault("slf4j.provider", "org.slf4j.simple.SimpleServiceProvider");
    // Without it slf4j tells that it was told which.
    setDefault("slf4j.internal.verbosity", "WARN");
    String level = quiet ? "error" : verbose ? "debug" : "warn";
    setDefault(PREFIX + "defaultLogLevel", level);
    setDefault(PREFIX + "showThreadName", "false");
    setDefault(PREFIX + "showLogName", Boolean.toString(verbose));
    setDefault(PREFIX + "levelInBrackets", "false");
    // The tokenizer's own log tells where it unpacked its library, and prints stack traces of
    // failures that are reported in one line.
    setDefault(PREFIX + "log.ai.djl", "off");
  }

  /** Sets a property, unless the user has set it with {@code -D}. */
  private static void setDefault(String key, String value) {
    if (System.getProperty(key) == null) {
      System.setProperty(key, value);
    }
  }
}
