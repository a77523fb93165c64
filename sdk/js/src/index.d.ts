/// <reference path="./contract.d.ts" />
import type { Denial } from "heptad:points/cart-validation@0.1.0";
import type { Value } from "heptad:points/discount@0.1.0";
import type { Error as HostRefusal, ErrorKind, Text } from "heptad:types/types@0.1.0";

export type { Cart, CartLine, Sku, Level, Purchase } from "heptad:mall/types@0.1.0";
export type { CartValidation, Denial } from "heptad:points/cart-validation@0.1.0";
export type { Candidate, Discount, Operation, Strategy, Targets, Value } from "heptad:points/discount@0.1.0";
export type { Delivery, Event, EventHandler } from "heptad:points/event-handler@0.1.0";
export type { Due, ScheduleHandler } from "heptad:points/schedule-handler@0.1.0";
export type { ErrorKind, Money, Text } from "heptad:types/types@0.1.0";

/** An answer of the plugin that is an error of the contract; thrown. */
export class PluginError extends globalThis.Error {
    constructor(kind: ErrorKind, code: string, message: string);
    readonly payload: HostRefusal;
}

/** What the host refused, of something that was caught; nothing if it is another error. */
export function hostError(error: unknown): HostRefusal | undefined;

/** 2^53 − 1: the largest number of the contract. */
export const MAX_SAFE: number;
/** Basis points in a whole: 10,000. */
export const BASIS_POINTS: number;
/** The amount in minor units, if it is a whole number within ±(2^53 − 1); else a `RangeError` is thrown, as by all of these. */
export function minor(amount: number): number;
export function plus(one: number, other: number): number;
export function sum(amounts: Iterable<number>): number;
export function times(amount: number, quantity: number): number;
/** A quotient of whole numbers, rounded half away from zero. */
export function divide(numerator: number, denominator: number): number;
/** So many hundredths of a percent of an amount, rounded half away from zero. */
export function basisPointsOf(amount: number, points: number): number;

/** What the merchant set, valid by the manifest's schema, defaults filled in. */
export function settings<T = Record<string, unknown>>(): T;

/** A sentence of the manifest's by its code; a number is a whole one, money has minor units and a currency. */
export function text(code: string, values?: Record<string, string | number | { amount: number; currency: string }>): Text;
/** A fixed amount off, in minor units. */
export function amount(units: number, currency: string): Value;
/** Hundredths of a percent off, 0 to 10,000; the host rounds. */
export function basisPoints(points: number): Value;
/** Percent off, 0 to 100; the host rounds. */
export function percent(whole: number): Value;
/** An objection to the cart as a whole. */
export function cartDenial(reason: Text): Denial;
/** An objection to some of its lines, by index. */
export function lineDenial(lines: number[], reason: Text): Denial;

declare global {
    /** The plugin's log. */
    var console: Record<"debug" | "log" | "info" | "warn" | "error", (...values: unknown[]) => void>;
    /** UTF-8. */
    class TextEncoder {
        encode(text?: string): Uint8Array;
    }
    /** UTF-8. */
    class TextDecoder {
        constructor(label?: "utf-8", options?: { fatal?: boolean });
        decode(bytes?: Uint8Array): string;
    }
}
