package io.github.wandacuda.cli;

import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Scanner;

/** A program for the tests of the launcher: does what its first argument says. */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "exit" -> System.exit(Integer.parseInt(args[1]));
      case "fail" -> throw new IllegalStateException("thrown by the program");
      case "show", "inspect", "--help" -> show(args);
      case "wait" -> {
        Thread hook = new Thread(() -> System.out.println("ended in order"));
        Runtime.getRuntime().addShutdownHook(hook);
        System.out.println(ProcessHandle.current().pid());
        Thread.sleep(Long.MAX_VALUE);
      }
      case "read" -> System.out.println("read " + new Scanner(System.in).nextLine());
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  private static boolean hasVectors() {
    try {
      return Class.forName("jdk.incubator.vector.Vector") != null;
    } catch (ClassNotFoundException missing) {
      return false;
    }
  }

  private static void show(String[] args) {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    out.println("java=" + Runtime.version().feature());
    out.println("pid=" + ProcessHandle.current().pid());
    out.println("vector=" + hasVectors());
    out.println("native=" + Main.class.getModule().isNativeAccessEnabled());
    out.println("memory=" + (Runtime.getRuntime().maxMemory() >> 20));
    out.println("collector=" + ManagementFactory.getGarbageCollectorMXBeans().get(0).getName());
    out.println("assertions=" + Main.class.desiredAssertionStatus());
    System.getProperties().stringPropertyNames().stream()
        .filter(name -> name.startsWith("probe."))
        .sorted()
        .forEach(name -> out.println(name + "=" + System.getProperty(name)));
    for (String arg : Arrays.asList(args).subList(1, args.length)) {
      out.println("arg=[" + arg + "]");
    }
    out.println("options=" + ManagementFactory.getRuntimeMXBean().getInputArguments());
  }
}
