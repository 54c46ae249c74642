package io.github.wandacuda.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * A test of many cases, or a class of such tests, of which all but the first few run with the
 * profile {@code all} alone.
 */
@Target({ElementType.METHOD, ElementType.TYPE})
@Inherited
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(FirstCases.Condition.class)
public @interface FirstCases {
  /** Returns how many cases always run. */
  int value() default 1;

  /** Leaves out the others. */
  final class Condition implements ExecutionCondition {
    private static final Pattern CASE = Pattern.compile("\\[test-template-invocation:#(\\d+)\\]$");

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      Matcher found = CASE.matcher(context.getUniqueId());
      int most =
          AnnotationSupport.findAnnotation(context.getElement(), FirstCases.class)
              .or(() -> AnnotationSupport.findAnnotation(context.getTestClass(), FirstCases.class))
              .map(FirstCases::value)
              .orElse(Integer.MAX_VALUE);
      return !Tier.isAll() && found.find() && Integer.parseInt(found.group(1)) > most
          ? ConditionEvaluationResult.disabled("this case runs with the profile all")
          : ConditionEvaluationResult.enabled("one of the first cases");
    }
  }
}
