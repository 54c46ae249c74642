package io.github.wandacuda.launcher;

/**
 * The jar's main class. It is compiled for Java 8, so that an older Java says in one line what is
 * missing, where it would refuse any other class of the program by a stack trace.
 */
public final class Launcher {
  /** The oldest Java that the program runs on, with which it was tested. */
  static final int JAVA = 25;

  private Launcher() {}

  /** Starts the program. */
  public static void main(String[] args) throws InterruptedException {
    // 1.8, then 9, 10, ...
    if (Double.parseDouble(System.getProperty("java.specification.version")) < JAVA) {
      System.exit(fail(args, needed()));
    }
    VectorStart.main(args);
  }

  /** Returns the message, in one line, that this Java can't run the program. */
  static String needed() {
    return "wanda-cuda needs Java "
        + JAVA
        + " or newer with the module jdk.incubator.vector (Eclipse Temurin "
        + JAVA
        + ", for example), found Java "
        + System.getProperty("java.version")
        + " in "
        + System.getProperty("java.home")
        + ": start it by the command java of such a JDK";
  }

  /** Says why the program can't start, as the user wants errors, and returns the exit code. */
  static int fail(String[] args, String message) {
    boolean json = (" " + String.join(" ", args) + " ").contains(" --json ");
    System.err.println(json ? json(message) : message);
    return 1;
  }

  private static String json(String message) {
    String text = message.replace("\\", "\\\\").replace("\"", "\\\"");
    return "{\"error\":\""
        + text
        + "\",\"file\":null,\"tensor\":null,\"expected\":null,\"found\":null,\"hint\":null,\"exit\":1}";
  }
}
