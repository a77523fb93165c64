// Money in whole minor units of its currency (fen, cents): checked, rounded by one rule, half away from zero.

export const MAX_SAFE = Number.MAX_SAFE_INTEGER;
export const BASIS_POINTS = 10_000;

function checked(number, what) {
    if (!Number.isSafeInteger(number)) throw new RangeError(`${what} is ${number}: a whole number within ±${MAX_SAFE} is wanted`);
    return number;
}

/** The amount, if it is one of the contract's. */
export function minor(amount) {
    return checked(amount, "the amount");
}

export function plus(one, other) {
    return minor(minor(one) + minor(other));
}

export function sum(amounts) {
    return [...amounts].reduce(plus, 0);
}

export function times(amount, quantity) {
    return narrow(BigInt(minor(amount)) * BigInt(checked(quantity, "the quantity")));
}

/** A quotient of whole numbers, rounded half away from zero. */
export function divide(numerator, denominator) {
    return quotient(BigInt(checked(numerator, "the numerator")), BigInt(checked(denominator, "the denominator")));
}

/** So many hundredths of a percent of an amount, rounded half away from zero. */
export function basisPointsOf(amount, points) {
    return quotient(BigInt(minor(amount)) * BigInt(checked(points, "the basis points")), BigInt(BASIS_POINTS));
}

function quotient(numerator, denominator) {
    if (denominator === 0n) throw new RangeError("a division by zero");
    const isNegative = numerator < 0n !== denominator < 0n;
    const size = (number) => (number < 0n ? -number : number);
    const [top, bottom] = [size(numerator), size(denominator)];
    const rounded = (top * 2n + bottom) / (bottom * 2n);
    return narrow(isNegative ? -rounded : rounded);
}

function narrow(number) {
    return minor(Number(number));
}
